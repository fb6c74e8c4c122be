"""Cards: they follow the model, the catalog and the measurements, and hold no figure of another origin."""

import pytest
import torch

from aigc_lib.autoencoder import Autoencoder
from aigc_lib.catalog import dataset
from aigc_lib.networks import mlp
from aigc_lib.training import Step, train
from aigc_lib.trust.cards import Measure, data_card, model_card, stray_numbers

CLAIM = {"id": "ch09_2.x", "claim": "断言", "metric": "指标", "model": "甲", "baseline": "乙", "model_value": 0.625,
         "baseline_value": 0.5, "seed": 3, "profile": "full"}
LAST, PEOPLE = Step(9, 1.25, {"loss": 0.375}), {"用途": "教学"}


def model(width=4, seed=0):
    torch.manual_seed(seed)
    return Autoencoder(mlp([6, width]), mlp([width, 6]))


def card(made=None, training=LAST, value=0.75, people=PEOPLE, **changes):
    measures = [Measure("准确率", value, 0.7, 0.8, 50)]
    return model_card("模型卡", made or model(), training, changes.get("data", ["fashion_mnist"]), 123, changes.get("seed", 3),
                      measures, [CLAIM], people)


def values(made):
    return {(name, e.what): e.value for name, entries in made.sections.items() for e in entries}


def test_figures_are_those_of_the_run():
    found = values(card())
    assert found["模型", "参数"] == str(6 * 4 + 4 + 4 * 6 + 6)
    assert found["训练", "步数"] == "9" and found["训练", "最后的损失"] == "loss 0.375" and found["训练", "样本"] == "123"
    assert found["量到的", "准确率"] == "0.75（95% 区间 0.7 到 0.8，n = 50）"
    about = dataset("fashion_mnist")
    assert about.licence in found["训练", "数据"] and about.source in found["训练", "数据"]
    assert found["断言", "断言"] == "指标：甲 0.625，乙 0.5"


@pytest.mark.parametrize(("other", "changed"), [
    (lambda: card(model(seed=1)), {"权重的 SHA-256"}),
    (lambda: card(model(width=5)), {"参数", "各部分的参数", "权重的 SHA-256"}),
    (lambda: card(value=0.5), {"准确率"}),
    (lambda: card(training=Step(10, 1.25, {"loss": 0.375})), {"步数"}),
    (lambda: card(data=["mnist_digits"]), {"数据"}),
    (lambda: card(seed=4), {"种子"}),
])
def test_what_changes_in_the_run_changes_in_the_card_and_nothing_else(other, changed):
    one, two = values(card()), values(other())
    assert {what for (_, what), value in one.items() if two[_, what] != value} == changed


def test_one_weight_is_enough():
    made = model()
    before = card(made).markdown()
    with torch.no_grad():
        next(made.parameters())[0, 0] += 1e-3
    assert card(made).markdown() != before


def test_card_of_a_real_training():
    made = model()
    *_, last = train(made, torch.rand(32, 6), 3, batch_size=8)
    assert values(card(made, last))["训练", "步数"] == "3"


def test_no_figure_without_origin():
    made = card()
    text = made.markdown()
    assert stray_numbers(text, made) == []
    assert stray_numbers(text.replace("0.75", "0.95"), made) == ["0.95"]
    assert stray_numbers(text.replace("| 准确率 |", "| 准确率 99 |"), made)
    assert stray_numbers(text + "\n准确率达到 98.5", made) == ["98.5"]
    assert stray_numbers(text.replace("| 步数 | 9 |", "| 步数 | 123 |"), made) == ["123"]  # a figure of another line
    with pytest.raises(ValueError, match="written by hand"):
        card(people={"用途": "准确率 95"})


def test_data_card_counts_what_was_used():
    x = torch.tensor([[0.0, 1.0], [0.0, 1.0], [-1.0, 0.5]])
    found = values(data_card("fashion_mnist", {"训练": (x, torch.tensor([0, 1, 1]))}, {"谁在里面": "没有人"}))
    assert found["本次用到的：训练", "条数"] == "3" and found["本次用到的：训练", "完全相同的"] == "1"
    assert found["本次用到的：训练", "每类条数"] == "最少 1，最多 2"
    assert found["数据", "许可"] == "MIT" and found["数据", "文件"].startswith(f"{len(dataset('fashion_mnist').files)} 个")


def test_unknown_data_is_refused():
    with pytest.raises(ValueError, match="no data set is called"):
        card(data=["nowhere"])
