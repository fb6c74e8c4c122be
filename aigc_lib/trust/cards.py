"""Model cards and data cards written by the run: every entry comes from an object, the catalog or a measurement.

What to tell about a model: Mitchell et al. 2019; about data: Gebru et al. 2021. What only people can know (what it
is for, what it must not be used for) is given as text without figures, so that no figure has another origin.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from aigc_lib.catalog import dataset, verify
from aigc_lib.training import Step


class Entry(NamedTuple):
    """One line of a card: what, its value as printed, and where it comes from."""

    what: str
    value: str
    source: str


class Measure(NamedTuple):
    """A measured value with its 95 % interval, and on how many examples or repetitions."""

    what: str
    value: float
    low: float
    high: float
    n: int


class Card(NamedTuple):
    """A title and sections of entries."""

    title: str
    sections: dict[str, list[Entry]]

    def markdown(self) -> str:
        lines = [f"# {self.title}"]
        for name, entries in self.sections.items():
            lines += ["", f"## {name}", "", "| 项目 | 内容 | 出处 |", "|---|---|---|"]
            lines += ["| " + " | ".join(text.replace("|", "／") for text in entry) + " |" for entry in entries]
        return "\n".join(lines) + "\n"


def weights_digest(model: nn.Module) -> str:
    """SHA-256 over all weights, names and order included: another model, another digest."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def model_card(title: str, model: nn.Module, training: Step, data: Sequence[str], examples: int, seed: int,
               measures: Iterable[Measure], claims: Iterable[Mapping], people: Mapping[str, str]) -> Card:
    """The card of a trained model.

    training: the last record of ``train``. data: names in the catalog. examples: how many it was trained on.
    claims: measured claims as ``aigc_lib.evidence`` keeps them (``claim.measured``). people: what people have to say,
    by heading, without figures; ValueError if there are any.
    """
    sections = {"模型": _model_entries(model), "训练": _training_entries(training, data, examples, seed)}
    sections["量到的"] = [Entry(m.what, f"{m.value:.4g}（95% 区间 {m.low:.4g} 到 {m.high:.4g}，n = {m.n}）", "本次运行")
                       for m in measures]
    sections["断言"] = [Entry(c["claim"], f"{c['metric']}：{c['model']} {c['model_value']:.4g}，{c['baseline']} {c['baseline_value']:.4g}",
                            f"{c['id']}，种子 {c['seed']}，{c['profile']}") for c in claims]
    return Card(title, {**sections, "人写的": _people_entries(people)})


def data_card(name: str, splits: Mapping[str, tuple[Tensor, Tensor]], people: Mapping[str, str]) -> Card:
    """The card of a data set of the catalog, as this run saw it. splits: by name, examples (N, ...) and labels (N,)."""
    about = dataset(name)
    entries = [Entry("名字", about.title, "data/catalog.toml"), Entry("许可", about.licence, "data/catalog.toml"),
               Entry("来源", about.source, "data/catalog.toml"), Entry("形状", about.shape, "data/catalog.toml"),
               Entry("文件", f"{verify(name)} 个，校验和都对", "目录与磁盘核对"),
               Entry("字节", f"{sum(file.bytes for file in about.files)}", "data/catalog.toml")]
    seen = {}
    for split, (x, y) in splits.items():
        counts = y.bincount().tolist()
        rows = {row.numpy().tobytes() for row in x}
        seen[f"本次用到的：{split}"] = [
            Entry("条数", f"{len(x)}", "本次运行"), Entry("每类条数", f"最少 {min(counts)}，最多 {max(counts)}", "本次运行"),
            Entry("取值", f"{x.min():.4g} 到 {x.max():.4g}，均值 {x.mean():.4g}", "本次运行"),
            Entry("完全相同的", f"{len(x) - len(rows)}", "本次运行")]
    return Card(f"数据卡：{name}", {"数据": entries, **seen, "人写的": _people_entries(people)})


def _model_entries(model: nn.Module) -> list[Entry]:
    parts = "，".join(f"{name} {sum(p.numel() for p in part.parameters())}" for name, part in model.named_children())
    return [Entry("类", type(model).__name__, "对象"), Entry("参数", f"{sum(p.numel() for p in model.parameters())}", "逐个数"),
            Entry("各部分的参数", parts, "逐个数"), Entry("权重的 SHA-256", weights_digest(model), "逐字节算")]


def _training_entries(training: Step, data: Sequence[str], examples: int, seed: int) -> list[Entry]:
    sets = [dataset(name) for name in data]
    losses = "，".join(f"{name} {value:.4g}" for name, value in training.losses.items())
    return [Entry("数据", "；".join(f"{s.title}，{s.licence}，{s.source}" for s in sets), "data/catalog.toml"),
            Entry("样本", f"{examples}", "本次运行"), Entry("步数", f"{training.step}", "训练记录"),
            Entry("用时（秒）", f"{training.seconds:.1f}", "训练记录"), Entry("最后的损失", losses, "训练记录"),
            Entry("种子", f"{seed}", "参数格")]


def _people_entries(people: Mapping[str, str]) -> list[Entry]:
    if figures := {what: found for what, text in people.items() if (found := re.findall(r"\d+", text))}:
        raise ValueError(f"a figure in a card must come from the run; written by hand: {figures}.")
    return [Entry(what, text, "人") for what, text in people.items()]


def stray_numbers(markdown: str, card: Card) -> list[str]:
    """Figures in a card's text that the run does not have in that line, such as altered, added or moved ones.

    Empty for the card as it was written.
    """
    figures, section, strays = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"), "", []
    true = {(name, entry.what): figures.findall(" ".join(entry)) for name, entries in card.sections.items() for entry in entries}
    for line in markdown.splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        what = line.split("|")[1].strip() if line.startswith("|") else ""
        own = figures.findall(card.title) if line == f"# {card.title}" else list(true.get((section, what), []))
        for found in figures.findall(line):
            if found in own:
                own.remove(found)
            else:
                strays.append(found)
    return strays
