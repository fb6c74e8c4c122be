"""Install the course from this archive, without a network: `sh install.sh`, or `py install.py` on Windows.

`aigc offline-pack` fills in what stands between at-signs. Only the standard library, in words that Python 3.6 reads:
the wrong Python must be able to say that it is the wrong one. Running it again does no harm.
"""

import hashlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

PYTHON, SYSTEM, MACHINE, EXTRAS = "@PYTHON@", "@SYSTEM@", "@MACHINE@", "@EXTRAS@"
HERE = Path(__file__).resolve().parent
COURSE = HERE / "course"
VENV = COURSE / ".venv"
INSTALLED = VENV / ".course"  # the Makefile's mark: with it, `make lab` installs nothing
CHECKED = HERE / ".checked"
BIN = "Scripts" if os.name == "nt" else "bin"


def main():
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace", line_buffering=True)  # its words come before pip's
    check_machine()
    mark = hashlib.sha256(read_list()).hexdigest() + " " + str(COURSE)  # a copied .venv points at its old place
    if INSTALLED.is_file() and INSTALLED.read_text("utf-8") == mark:
        print("已经装好了，不再重装。想从头来，先删掉 " + str(VENV))
    else:
        check_files()
        install()
        (VENV / ".torch").touch()
        INSTALLED.write_text(mark, "utf-8")
    if run(venv_python(), "-m", "aigc_lib.course.doctor"):
        sys.exit("装好了，但这台机器还有问题：照上面标 ✗ 的行做，再运行一次。")
    print(NEXT.format(bin=os.path.join(".venv", BIN), course=COURSE))


NEXT = """
装好了。接下来：
  cd "{course}"
  {bin}{sep}aigc lab                          打开 JupyterLab
  {bin}{sep}aigc run 2.1 --profile smoke      跑一个笔记本试试
  {bin}{sep}python -m http.server -d ../site  再用浏览器打开 http://localhost:8000，看网站""".replace("{sep}", os.sep)


def venv_python():
    return str(VENV / BIN / "python")


def check_machine():
    """The wheels fit one version of Python on one system."""
    version = "{}.{}".format(*sys.version_info)
    if version != PYTHON:
        sys.exit(f"这一包是给 Python {PYTHON} 的，现在是 {version}。装 Python {PYTHON}；或请做包的人运行\n"
                 f"make offline-pack PYTHON_VERSION={version}")
    found = platform.system(), platform.machine()
    if found != (SYSTEM, MACHINE):
        sys.exit("这一包是给 {} {} 的，这台机器是 {} {}。请做包的人用 PLATFORM= 另做一包。".format(SYSTEM, MACHINE, *found))


def read_list():
    try:
        return (HERE / "SHA256SUMS").read_bytes()
    except OSError:
        sys.exit("没有 SHA256SUMS：没有解压完整。请重新解压，在解压出来的文件夹里运行。")


def check_files():
    """Every file is there and whole. Once that was so, the reader may change the course, but not the wheels."""
    print("核对文件……")
    wrong = []
    for line in read_list().decode("utf-8").splitlines():
        wanted, name = line.split("  ", 1)
        path = HERE / name
        if CHECKED.exists() and not name.startswith("wheels/"):
            continue
        if not path.is_file():
            wrong.append("缺 " + name)
        elif checksum(path) != wanted:
            wrong.append("坏了：" + name)
    if wrong:
        more = f"\n……一共 {len(wrong)} 个" if len(wrong) > 5 else ""
        sys.exit("\n".join(wrong[:5]) + more + "\n多半是没有拷全，或者优盘出了错。请重新拷贝压缩包，重新解压。")
    CHECKED.touch()


def checksum(path):
    digest = hashlib.sha256()
    with open(str(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def install():
    begin = time.time()
    print(f"建立 Python 环境 {VENV} 并安装（一两分钟，不用网络）……")
    if run(sys.executable, "-m", "venv", "--clear", str(VENV)):
        sys.exit("建不了 Python 环境。Debian、Ubuntu 缺 python3-venv；Windows 上先关掉正在用 .venv 的程序；也看看磁盘满没满。")
    if run(venv_python(), "-m", "pip", "install", "--progress-bar", "off", "--no-index", "--no-cache-dir", "--find-links",
           str(HERE / "wheels"), "-c", "constraints.txt", "-e", f".[{EXTRAS}]"):
        run(sys.executable, "-m", "aigc_lib.course.doctor")
        sys.exit("pip 没有装上，原因在上面 ERROR 前后几行。说 No matching distribution 或 conflict 的，"
                 "是包里缺那个 wheel，或系统太旧：请把这几行发给做包的人。")
    print(f"安装用了 {time.time() - begin:.0f} 秒。")


def run(*command):
    """Run in the course's folder; pip is told nothing by this machine's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environment.update(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONIOENCODING="utf-8:replace")
    return subprocess.call(command, cwd=str(COURSE), env=environment)


if __name__ == "__main__":
    main()
