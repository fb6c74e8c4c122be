# Two commands do everything: `make course` and `make test`. Both install into .venv first, once.
PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# A Linux laptop without a GPU may name an index with the small CPU build of torch.
TORCH_INDEX ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: course test browser lab site offline-pack benchmark clean

# A chapter that fails does not cost the site.
course: $(VENV)/.course
	@echo "运行全部笔记本（full；各章要多久见 README 的表，两章同时跑），再建网站。中断后可用 .venv/bin/aigc run --resume 接着跑。"
	$(BIN)/aigc run --profile full --jobs $(JOBS); ran=$$?; [ $$ran -le 1 ] || exit $$ran; \
	  $(BIN)/aigc site && $(BIN)/aigc evidence show || exit 1; \
	  [ $$ran = 0 ] || { echo "有章节没通过：是哪些、为什么，见 runs/full/report.json。"; exit $$ran; }

test: $(VENV)/.test
	@echo "运行测试（2 核约一刻钟）。"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not browser" -n 2 --dist loadfile -q
	AIGC_PROFILE=smoke OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbval-lax --nbval-cell-timeout=120 -n 2 --dist loadfile -q notebooks

browser: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser -n 2 --dist loadfile -q

lab: $(VENV)/.course
	$(BIN)/aigc lab

site: $(VENV)/.course
	$(BIN)/aigc site

# One archive for a room without a network. For other machines than this: PLATFORM=windows PYTHON_VERSION=3.12
offline-pack: $(VENV)/.course
	TORCH_INDEX='$(TORCH_INDEX)' $(BIN)/aigc offline-pack $(if $(OUT),--out '$(OUT)') \
	  $(if $(PLATFORM),--platform $(PLATFORM)) $(if $(PYTHON_VERSION),--python-version $(PYTHON_VERSION))

benchmark: $(VENV)/.test
	$(BIN)/python benchmarks/run.py

$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "要 Python 3.11 以上。装一个，再运行 make course PYTHON=python3.11"; exit 1; }
	@echo "建立 Python 环境 $(VENV) 并安装 PyTorch（需要下载，几分钟到几十分钟）。"
	$(PYTHON) -m venv $(VENV)
	grep '^torch==' constraints.txt > $(VENV)/torch.txt
	$(BIN)/pip install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -r $(VENV)/torch.txt
	@touch $@

$(VENV)/.course: $(VENV)/.torch pyproject.toml
	@echo "安装课程需要的包（约一分钟）。"
	$(BIN)/pip install -q -c constraints.txt -e '.[site,entertainment,finance,manufacturing,compliance,frameworks,appendix]'
	@touch $@

$(VENV)/.test: $(VENV)/.course
	@echo "安装测试需要的包（约一分钟）。"
	$(BIN)/pip install -q -c constraints.txt -e '.[site,entertainment,finance,manufacturing,compliance,frameworks,appendix,cluster,dev]'
	@touch $@

clean:
	rm -rf $(VENV) runs build book/_build book/chapters
