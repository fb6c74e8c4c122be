"""Finance (chapter 6): a report on one applicant in which every number says where it comes from.

``Assessor.facts`` computes all numbers, each under its source; ``Assessor.report`` only chooses among them and
puts them into sentences that hold no digits of their own. So a report can be checked by computing the facts again.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from aigc_lib.autoencoder import TableAutoencoder
from aigc_lib.industries.reports import Number, Report, Sentence, alike, speaker, untraced
from aigc_lib.loans import Loans
from aigc_lib.scorecard import Scorecard
from aigc_lib.tables import Column, TableCoder

CREDIT_WORDS = {
    "Seniority": "工龄", "Time": "贷款月数", "Age": "年龄", "Expenses": "每月开支", "Income": "收入", "Assets": "资产",
    "Debt": "负债", "Amount": "借款金额", "Price": "物品价格", "Home": "住房", "Marital": "婚姻", "Records": "不良记录",
    "Job": "工作", "owner": "自有", "rent": "租房", "parents": "住父母家", "priv": "priv 类", "ignore": "不详",
    "other": "其他", "married": "已婚", "single": "单身", "separated": "分居", "widow": "丧偶", "divorced": "离异",
    "no": "没有", "yes": "有", "fixed": "固定", "freelance": "自由职业", "partime": "非全日", "others": "其他"}
TITLE = "贷款风险评估报告（教学用，不是信贷决策依据）"
DRIVERS = 3  # columns named as reasons
STRANGE = 0.98  # a value is called unusual above this share of validation applicants
SIMILAR = 100  # validation applicants of the nearest chances that make up a band


class Assessor:
    """Writes reports from a calibrated and resampled scorecard and an autoencoder of the same table.

    valid: applicants that the models were not fitted to; bands and ranks are counted among them.
    """

    def __init__(self, coder: TableCoder, scorecard: Scorecard, autoencoder: TableAutoencoder,
                 valid: Loans, words: Mapping[str, str] = CREDIT_WORDS):
        self.coder, self.scorecard, self.autoencoder = coder, scorecard, autoencoder
        self.words, self.default = words, valid.default
        x = coder.encode(valid.table)
        self.valid_chance, self.valid_surprise = scorecard.predict(x), autoencoder.surprises(x).numpy()
        self.valid_known = ~valid.table[[c.name for c in coder.columns]].isna().to_numpy()

    def facts(self, row: pd.DataFrame) -> dict[str, float]:
        """Every number that a report on this one applicant may use. Raises ``ValueError`` as ``TableCoder`` does."""
        if len(row) != 1:
            raise ValueError(f"a report is about one applicant, got {len(row)} rows.")
        x = self.coder.encode(row)
        chance = self.scorecard.predict(x)[0]
        low, high = np.quantile(self.scorecard.resampled(x)[:, 0], [0.025, 0.975])
        band = zip(("相近人数", "其中违约", "违约率下限", "违约率上限"), alike(chance, self.valid_chance, self.default, SIMILAR))
        return {"评分卡.概率": chance, "重抽样.下限": low, "重抽样.上限": high,
                **{f"验证集.{what}": value for what, value in band}, **self._columns(row, x)}

    def _columns(self, row: pd.DataFrame, x: torch.Tensor) -> dict[str, float]:
        points, surprise = self.scorecard.points(x)[0], self.autoencoder.surprises(x)[0].numpy()
        facts = {}
        for i, column in enumerate(self.coder.columns):
            value = row[column.name].iloc[0]
            facts[f"评分卡.倍数.{column.name}"] = np.exp(points[i])
            known = not pd.isna(value)
            if known:
                others = self.valid_surprise[self.valid_known[:, i], i]
                facts[f"验证集.更不意外的占.{column.name}"] = (others < surprise[i]).mean()
            if known and column.categories:
                facts[f"自动编码器.这个值的可能.{column.name}"] = np.exp(-surprise[i])
            if not column.categories:
                facts |= {f"申请表.{column.name}": value} if known else {}
                facts[f"自动编码器.猜.{column.name}"] = self._guess(x, column)
        return {source: float(value) for source, value in facts.items()}

    @torch.no_grad()
    def _guess(self, x: torch.Tensor, column: Column) -> float:
        hidden = x.clone()
        hidden[:, column.start:column.stop] = 0
        return self.coder.decode(self.autoencoder.decode(self.autoencoder.encode(hidden)))[column.name].iloc[0]

    def report(self, row: pd.DataFrame) -> Report:
        """The report on one applicant."""
        facts = self.facts(row)
        say = speaker(facts, _printed)
        chance = say("违约的可能：{}%。换一批同样多的人来学，大多落在 {}% 到 {}%。", "评分卡.概率", "重抽样.下限", "重抽样.上限")
        band = say("像他这样的人：验证集里评得最相近的 {} 人，后来违约 {} 人；真实的比例大约在 {}% 到 {}%。", "验证集.相近人数",
                   "验证集.其中违约", "验证集.违约率下限", "验证集.违约率上限")
        return Report([Sentence(TITLE, ()), chance, band, *self._reasons(row, facts, say),
                       *self._unusual(row, facts, say), *self._gaps(row, say)])

    def _reasons(self, row, facts, say) -> list[Sentence]:
        names = sorted((c.name for c in self.coder.columns), key=lambda n: -abs(np.log(facts[f"评分卡.倍数.{n}"])))
        lines = [say(f"　{self._called(n, row)}：违约的几率乘以 {{}}", *self._stated(n, facts), f"评分卡.倍数.{n}")
                 for n in names[:DRIVERS]]
        return [Sentence("主要原因，与平均的申请人比：", ()), *lines]

    def _unusual(self, row, facts, say) -> list[Sentence]:
        head, lines = "验证集.更不意外的占.", []
        for source in [s for s in facts if s.startswith(head) and facts[s] >= STRANGE]:
            name = source.removeprefix(head)
            guess = f"自动编码器.猜.{name}"
            tail, more = ("，按其余各项会猜 {}", guess) if guess in facts else (
                "，这个值只有 {}% 的可能", f"自动编码器.这个值的可能.{name}")
            lines.append(say(f"　{self._called(name, row)}：比验证集里 {{}}% 的人更出人意料{tail}",
                             *self._stated(name, facts), source, more))
        return [Sentence("与其余各项不合、值得核对的：" + ("" if lines else "没有。"), ()), *lines]

    def _gaps(self, row, say) -> list[Sentence]:
        lines = [say(f"　{self.words[c.name]}" + ("" if c.categories else "：按其余各项会猜 {}，没有放进评分"),
                     *([] if c.categories else [f"自动编码器.猜.{c.name}"]))
                 for c in self.coder.columns if pd.isna(row[c.name].iloc[0])]
        return [Sentence("没有填的：" + ("" if lines else "没有。"), ()), *lines]

    def _called(self, name: str, row: pd.DataFrame) -> str:
        """The column and its value; {} where that is a number."""
        value = row[name].iloc[0]
        shown = "没填" if pd.isna(value) else self.words[value] if isinstance(value, str) else "{}"
        return f"{self.words[name]}（{shown}）"

    def _stated(self, name: str, facts: Mapping[str, float]) -> list[str]:
        return [f"申请表.{name}"] if f"申请表.{name}" in facts else []


def wrong_numbers(report: Report, facts: Mapping[str, float]) -> list[Number]:
    """The numbers of a report that the facts, computed again, do not give; empty for a report that holds."""
    return untraced(report, facts, _printed)


def _printed(source: str, value: float) -> str:
    """Shares in whole per cent, odds ratios with two digits, all else as whole numbers."""
    kind = source.split(".")[1]
    if kind == "更不意外的占":
        return f"{np.floor(100 * value):.0f}"  # "more than 100 %" must not come from rounding
    if kind in ("概率", "下限", "上限", "违约率下限", "违约率上限", "这个值的可能"):
        return f"{100 * value:.0f}"
    return f"{value:.2g}" if kind == "倍数" else f"{value:,.0f}"
