"""Claims, their measurements and their verdicts: the notebook is the experiment.

A notebook declares each claim of the document before it measures it, measures model and baseline
once on the same split, and shows the result beside the ledger ``book/evidence.json``, which
``aigc evidence run`` fills from runs of the same notebook with other seeds.
"""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TypeVar

from aigc_lib import paths

EVIDENCE_MIME = "application/vnd.aigc.evidence+json"
SUPPORTED, REFUTED, UNDECIDED = "支持", "不支持", "证据不足"
ENOUGH_RUNS = 5
CONFIDENCE = 0.95
PROFILES = ("full", "smoke")
CLAIM_FIELDS = ("id", "notebook", "section", "claim", "metric", "unit", "higher_is_better",
                "smallest_difference", "model", "baseline")
T = TypeVar("T")


def verdict(n: int, ci_low: float | None, ci_high: float | None, higher_is_better: bool,
            smallest_difference: float) -> str:
    """What ``n`` runs say, given the 95 % interval of ``model - baseline``.

    支持: the whole interval of the improvement is at least the smallest difference that matters.
    不支持: the whole interval is below it. 证据不足: neither, or fewer than five runs.
    """
    if n < ENOUGH_RUNS or ci_low is None or ci_high is None:
        return UNDECIDED
    low, high = (ci_low, ci_high) if higher_is_better else (-ci_high, -ci_low)
    if low >= smallest_difference:
        return SUPPORTED
    return REFUTED if high < smallest_difference else UNDECIDED


def summarise(claim: Mapping, runs: Sequence[Mapping]) -> dict:
    """The ledger's row for one claim.

    ``claim`` holds CLAIM_FIELDS; each run holds ``seed, model, baseline, code_sha256``. The interval
    is Student's t over the paired differences; with one run it is None. Raises ValueError for no
    runs, for a seed that comes twice, and for a measurement that is not a finite number.
    """
    runs = sorted((dict(run) for run in runs), key=lambda run: run["seed"])
    seeds = [run["seed"] for run in runs]
    if not runs or len(set(seeds)) < len(seeds):
        raise ValueError(f"{claim['id']}: expected one run a seed and at least one run, got seeds {seeds}")
    if not all(math.isfinite(run[side]) for run in runs for side in ("model", "baseline")):
        raise ValueError(f"{claim['id']}: a run's model or baseline value is not a finite number")
    low, high = _interval([run["model"] - run["baseline"] for run in runs], new_run=False)
    model_mean, baseline_mean = _mean([r["model"] for r in runs]), _mean([r["baseline"] for r in runs])
    return {
        **{name: claim[name] for name in CLAIM_FIELDS},
        "n": len(runs), "model_mean": model_mean, "baseline_mean": baseline_mean,
        "diff": _mean([run["model"] - run["baseline"] for run in runs]), "ci_low": low, "ci_high": high,
        "verdict": verdict(len(runs), low, high, claim["higher_is_better"], claim["smallest_difference"]),
        "runs": runs,
    }


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _interval(values: Sequence[float], new_run: bool) -> tuple[float | None, float | None]:
    """95 % interval of the mean, or of one new run; (None, None) below two values."""
    n = len(values)
    if n < 2:
        return None, None
    from scipy.special import stdtrit  # Student's t quantile; scipy.stats.t.ppf is the same, 0.5 s later
    mean = _mean(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * deviation * math.sqrt(1 / n + new_run)
    return mean - half, mean + half


def prediction_interval(row: Mapping) -> tuple[float | None, float | None]:
    """Where the difference of one new run of this row's experiment falls, 95 times in 100."""
    return _interval([run["model"] - run["baseline"] for run in row["runs"]], new_run=True)


def agrees(row: Mapping, difference: float) -> bool | None:
    """Does a run's ``model - baseline`` lie in the ledger's prediction interval? None below two runs.

    A tenth of the smallest difference that matters is always allowed: where nothing is random the
    interval has no width, and rounding differs between machines.
    """
    low, high = prediction_interval(row)
    if low is None or high is None:
        return None
    slack = row["smallest_difference"] / 10
    return min(low, row["diff"] - slack) <= difference <= max(high, row["diff"] + slack)


def load_ledger(path: Path | None = None) -> list[dict]:
    """The ledger's rows; no file is an empty ledger, a damaged one a ValueError."""
    path = path or paths.BOOK / "evidence.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}); restore it, or run `aigc evidence run`") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
        raise ValueError(f"{path} should be a list of rows with an id; restore it, or run `aigc evidence run`")
    return rows


@dataclass
class Claim:
    """One claim of the document, declared before it is measured."""

    fields: dict
    seed: int
    profile: str
    measured: dict | None = None

    def measure(self, model: float, baseline: float) -> None:
        """Record and show this run's values, beside the ledger's row. Once for each claim."""
        if self.measured is not None:
            raise ValueError(f"{self.fields['id']} is already measured; a run measures each claim once")
        model, baseline = float(model), float(baseline)
        if not (math.isfinite(model) and math.isfinite(baseline)):
            raise ValueError(f"{self.fields['id']}: expected finite numbers, got model={model}, baseline={baseline}")
        self.measured = {**self.fields, "model_value": model, "baseline_value": baseline,
                         "seed": self.seed, "profile": self.profile}
        row = next((row for row in load_ledger() if row["id"] == self.fields["id"]), None)
        _show(self.measured, row)


@dataclass
class Experiment:
    """One run of one notebook: its profile, its seed and its claims.

    ``profile=None`` takes the environment's AIGC_PROFILE, else "full".
    """

    notebook: str
    profile: str | None = None
    seed: int = 0
    claims: list[Claim] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.profile = self.profile or os.environ.get("AIGC_PROFILE") or "full"
        if self.profile not in PROFILES:
            raise ValueError(f"unknown profile {self.profile!r}: expected one of {', '.join(PROFILES)}")

    def pick(self, *, full: T, smoke: T) -> T:
        """The value for this run's profile."""
        return full if self.profile == "full" else smoke

    def claim(self, *, id: str, section: str, text: str, metric: str, model: str, baseline: str,
              higher_is_better: bool, smallest_difference: float, unit: str = "") -> Claim:
        """Declare a claim: what is compared with what, and the smallest difference that matters."""
        if not re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", id):
            raise ValueError(f"claim id {id!r}: expected chapter and name, such as 'ch02_1.ae_beats_pca'")
        if id in (claim.fields["id"] for claim in self.claims):
            raise ValueError(f"claim {id!r} is declared twice")
        if not (math.isfinite(smallest_difference) and smallest_difference > 0):
            raise ValueError(f"{id}: smallest_difference should be a positive number, got {smallest_difference}")
        fields = {"id": id, "notebook": self.notebook, "section": section, "claim": text, "metric": metric,
                  "unit": unit, "higher_is_better": bool(higher_is_better),
                  "smallest_difference": float(smallest_difference), "model": model, "baseline": baseline}
        self.claims.append(Claim(fields, self.seed, self.profile or "full"))
        return self.claims[-1]


def _show(measured: Mapping, row: Mapping | None) -> None:
    from IPython.display import display  # only a notebook shows; the ledger's readers need no IPython

    head, table, remark = _table(measured, row)
    cells = [[escape(cell) for cell in line] for line in table]
    html = f"<p>{escape(head)}</p><table><thead><tr>" + "".join(f"<th>{cell}</th>" for cell in cells[0])
    html += "</tr></thead><tbody>" + "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in cells[1:])
    html += f"</tbody></table><p>{escape(remark)}</p>"
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table]
    lines.insert(1, "|" + " --- |" * len(table[0]))
    text = "\n".join([head, *("  ".join(line) for line in table), remark])
    display({"text/plain": text, "text/markdown": "\n".join([head, "", *lines, "", remark]),
             "text/html": html, EVIDENCE_MIME: dict(measured)}, raw=True)


def _table(measured: Mapping, row: Mapping | None) -> tuple[str, list[list[str]], str]:
    """A sentence, a table with its header, and a remark, for one measured claim."""
    unit = f"（{measured['unit']}）" if measured["unit"] else ""
    better = "越大越好" if measured["higher_is_better"] else "越小越好"
    head = (f"断言：{measured['claim']} 指标：{measured['metric']}{unit}，{better}；"
            f"至少相差 {measured['smallest_difference']:.3g} 才算数。")
    difference = measured["model_value"] - measured["baseline_value"]
    table = [["来源", f"模型：{measured['model']}", f"基线：{measured['baseline']}", "差", "95% 区间", "判定"],
             [f"本次运行（种子 {measured['seed']}）", f"{measured['model_value']:.4g}",
              f"{measured['baseline_value']:.4g}", f"{difference:+.3g}", "—", "—"]]
    if row is not None:
        interval = "—" if row["ci_low"] is None else f"[{row['ci_low']:+.3g}, {row['ci_high']:+.3g}]"
        table.append([f"账本（{row['n']} 次运行）", f"{row['model_mean']:.4g}", f"{row['baseline_mean']:.4g}",
                      f"{row['diff']:+.3g}", interval, row["verdict"]])
    return head, table, agreement_text(measured, row)


def agreement_text(measured: Mapping, row: Mapping | None) -> str:
    """Does this run agree with the ledger? One Chinese sentence."""
    if measured["profile"] != "full":
        return "这是快速检查（smoke），只看代码能不能跑通，不作判断。"
    if row is None:
        return "账本里还没有这条断言：运行 aigc evidence run 之后才有判定。"
    difference = measured["model_value"] - measured["baseline_value"]
    same = agrees(row, difference)
    if same is None:
        return "账本里这条断言的运行次数太少，还不能比较。"
    low, high = prediction_interval(row)
    where = f"本次相差 {difference:+.3g}，按账本单次运行应落在 [{low:+.3g}, {high:+.3g}]"
    return f"与账本{'一致' if same else '不一致'}：{where}。"
