"""What SageMaker starts in the training container: ``python train.py [/opt/ml]``.

Reads the job's hyperparameters, runs those chapters with ``aigc run``, and leaves the results where SageMaker
collects them. The folder is an argument so that the same script runs on any machine with the same layout in it.
Layout: "How Amazon SageMaker AI Provides Training Information" and "... Processes Training Output", AWS developer guide.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

KNOWN = {"chapters", "profile", "seed"}
LONGEST_FAILURE = 1024  # characters: SageMaker shows no more of the file in FailureReason


def plan(root: Path) -> list[str]:
    """The words after ``aigc`` for the job under ``root``; ValueError in Chinese when the job makes no sense."""
    config = root / "input" / "config"
    asked = _read(config / "hyperparameters.json")
    hosts = _read(config / "resourceconfig.json").get("hosts", ["algo-1"])
    if len(hosts) > 1:
        raise ValueError(f"要了 {len(hosts)} 台机器：每一台都会从头跑同样的章节，白付钱。InstanceCount 写 1。")
    if wrong := sorted(set(asked) - KNOWN):
        raise ValueError(f"不认识的超参数 {'、'.join(wrong)}；认识的是 {'、'.join(sorted(KNOWN))}。")
    if not all(isinstance(value, str) for value in asked.values()):
        raise ValueError("超参数都要写成文字，数字也加引号：SageMaker 只传文字。")
    if not asked.get("chapters", "").split():
        raise ValueError("没有说跑哪一章：写超参数 chapters，如 \"ch01_overview\"。")
    return ["run", *asked["chapters"].split(), "--profile", asked.get("profile", "full"),
            "--seed", asked.get("seed", "0")]


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "/opt/ml")
    output = root / "output"
    try:
        words = plan(root)
        (output / "data").mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        return failed(output, f"作业没有开始：{error}")
    environment = {**os.environ, "AIGC_RUNS": str(output / "data")}
    done = subprocess.run([sys.executable, "-m", "aigc_lib.course.cli", *words], env=environment, check=False)
    return failed(output, f"aigc run 的退出码是 {done.returncode}，见日志和 report.json。") if done.returncode else 0


def failed(output: Path, why: str) -> int:
    """Say why, in the log and in the file that SageMaker shows as FailureReason; exit code 1."""
    print(why, file=sys.stderr, flush=True)
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "failure").write_text(why[:LONGEST_FAILURE], encoding="utf-8")
    except OSError as error:
        print(f"写不了 {output}（{error.strerror}）：容器的用户多半没有权限，用 --target cloud 建镜像。", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
