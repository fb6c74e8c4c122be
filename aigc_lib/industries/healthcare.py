"""Healthcare (section 8.1): a report on one patient's heart that traces its numbers and says that it is no diagnosis.

``HeartAssessor.facts`` computes all numbers, each under its source; ``report`` only chooses among them. A test that
was not made is named, never filled in: a report must not hold results that nobody measured.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from aigc_lib.autoencoder import TableAutoencoder
from aigc_lib.industries.reports import Number, Report, Sentence, alike, speaker, untraced
from aigc_lib.patients import HEART_CATEGORIES, HEART_NUMBERS, Patients, check_patients
from aigc_lib.scorecard import PatternScorecards, local_shift, recalibrated
from aigc_lib.tables import TableCoder

HEART_WORDS = {
    "age": "年龄", "trestbps": "静息血压", "chol": "胆固醇", "thalach": "运动时最高心率", "oldpeak": "运动时 ST 段压低", "sex": "性别", "cp": "胸痛", "fbs": "空腹血糖偏高", "restecg": "静息心电图",
    "exang": "运动时心绞痛", "slope": "运动时 ST 段走向", "ca": "透视见钙化的血管", "thal": "心肌灌注",
    "Male": "男", "Female": "女", "typical angina": "典型心绞痛", "atypical angina": "不典型心绞痛",
    "non-anginal": "不像心绞痛", "asymptomatic": "没有胸痛", "yes": "有", "no": "没有", "normal": "正常",
    "st-t abnormality": "ST-T 异常", "lv hypertrophy": "左室肥厚", "upsloping": "向上", "flat": "平", "downsloping": "向下",
    "fixed defect": "固定缺损", "reversible defect": "可逆缺损", "0": "没有", "1": "一支", "2": "两支", "3": "三支"}
UNITS = {"age": "岁", "trestbps": "毫米汞柱", "chol": "毫克/分升", "thalach": "次/分", "oldpeak": "毫米"}
HOSPITALS = {"Cleveland": "克利夫兰", "Hungary": "布达佩斯", "Switzerland": "瑞士", "Long Beach": "长滩"}
TITLE = "冠心病风险报告（教学用）。这不是诊断，不能用于看病。"
CLOSING = "再说一遍：这不是诊断。要不要做造影，由医生看过病人以后，和病人一起定。"
DRIVERS = 3  # columns named as reasons
SIMILAR = 50  # patients of the nearest chances, at the hospital that was learnt from
FAR = 0.15  # between the chance as shipped and as calibrated: the report says so
STRANGE, FEWEST = 0.95, 20  # unusual above this share of the local patients, if so many have the value


class HeartAssessor:
    """Writes reports for one hospital, from scorecards learnt at another and a few patients of its own.

    cards: with draws; coder, autoencoder: of the same rows' whole table; local: patients of this hospital whose outcome
    is known, on which chances are shifted and values compared; hospital: its name in ``HOSPITALS``.
    """

    def __init__(self, cards: PatternScorecards, coder: TableCoder, autoencoder: TableAutoencoder, local: Patients,
                 hospital: str):
        if not cards.draws:
            raise ValueError("the scorecards must have been learnt with draws; a report states what other draws would say.")
        self.cards, self.coder, self.autoencoder = cards, coder, autoencoder
        self.local, self.hospital = local, HOSPITALS[hospital]
        chance, rng = cards.predict(local.table), np.random.default_rng(cards.seed)
        draws = rng.integers(len(chance), size=(cards.draws, len(chance)))  # a few local patients are themselves a draw
        self.shift = local_shift(chance, local.disease)
        self.shifts = np.array([local_shift(chance[rows], local.disease[rows]) for rows in draws])
        self.whole = tuple(c.name for c in coder.columns)
        self.local_surprise = autoencoder.surprises(coder.encode(local.table)).numpy()

    def facts(self, row: pd.DataFrame) -> dict[str, float]:
        """Every number that a report on this one patient may use. Raises ``ValueError`` for what ``check_patients`` or
        ``TableCoder`` refuse, and for a patient without a single value."""
        if len(row) != 1:
            raise ValueError(f"a report is about one patient, got {len(row)} rows.")
        check_patients(row)
        chance = self.cards.predict(row[list(self.whole)])[0]
        names = self._known(row)
        coder, card = self.cards.card(names)
        x = coder.encode(row)
        low, high = np.quantile(recalibrated(card.resampled(x)[:, 0], 1.0, self.shifts), [0.025, 0.975])
        facts = {"评分卡.可能": recalibrated(np.array([chance]), 1.0, self.shift)[0], "评分卡.照搬的可能": chance,
                 "重抽样.下限": low, "重抽样.上限": high, **self._evidence(names, chance)}
        facts |= {f"评分卡.倍数.{name}": np.exp(points) for name, points in zip(names, card.points(x)[0])}
        facts |= {f"检查单.{name}": row[name].iloc[0] for name in names if name in HEART_NUMBERS}
        return {source: float(value) for source, value in (facts | self._unusual_share(row)).items()}

    def _known(self, row: pd.DataFrame) -> tuple[str, ...]:
        return tuple(name for name in self.whole if pd.notna(row[name].iloc[0]))

    def _evidence(self, names: tuple[str, ...], chance: float) -> dict[str, float]:
        """How good these columns are where they were learnt, who was alike there, and who the local patients are."""
        said, event = self.cards.held_out(names), self.cards.event
        band = zip(("相近人数", "其中有病", "有病率下限", "有病率上限"), alike(chance, said, event, SIMILAR))
        return {"学的医院.人数": len(event), **{f"学的医院.{what}": value for what, value in band},
                "学的医院.这几项的AUC": roc_auc_score(event, said),
                "学的医院.全部项的AUC": roc_auc_score(event, self.cards.held_out(self.whole)),
                "本院.人数": len(self.local.disease), "本院.有病": self.local.disease.sum()}

    def _unusual_share(self, row: pd.DataFrame) -> dict[str, float]:
        """For each known value, the share of the local patients whose value is less unexpected."""
        surprise, shares = self.autoencoder.surprises(self.coder.encode(row))[0].numpy(), {}
        for i, name in enumerate(self.whole):
            known = self.local.table[name].notna().to_numpy()
            if pd.notna(row[name].iloc[0]) and known.sum() >= FEWEST:
                shares[f"本院.更不意外的占.{name}"] = (self.local_surprise[known, i] < surprise[i]).mean()
        return shares

    def report(self, row: pd.DataFrame) -> Report:
        """The report on one patient."""
        facts = self.facts(row)
        say = speaker(facts, printed)
        return Report([
            Sentence(TITLE),
            say("造影会看到血管窄了一半以上的可能：{}%。换一批病人来学、来校准，大多落在 {}% 到 {}%。",
                "评分卡.可能", "重抽样.下限", "重抽样.上限"),
            say(f"依据：评分卡学自克利夫兰的 {{}} 人，照搬会说 {{}}%；用{self.hospital}的 {{}} 人（其中 {{}} 人有病）校准过。"
                + ("两个说法差得远：这家医院和克利夫兰很不一样，少信机器。" if self._far(facts) else ""),
                "学的医院.人数", "评分卡.照搬的可能", "本院.人数", "本院.有病"),
            say("像他这样的：克利夫兰评得最相近的 {} 人，有病 {} 人；真实的比例大约在 {}% 到 {}%。", "学的医院.相近人数",
                "学的医院.其中有病", "学的医院.有病率下限", "学的医院.有病率上限"),
            *self._reasons(row, facts, say), *self._unusual(row, facts, say), *self._gaps(row, say), Sentence(CLOSING)])

    def _far(self, facts: Mapping[str, float]) -> bool:
        return abs(facts["评分卡.可能"] - facts["评分卡.照搬的可能"]) > FAR

    def _reasons(self, row, facts, say) -> list[Sentence]:
        names = sorted(self._known(row), key=lambda n: -abs(np.log(facts[f"评分卡.倍数.{n}"])))[:DRIVERS]
        return [Sentence("评分主要看了（相关，不是原因）："), *(
            say(f"　{self._called(n, row)}：几率乘以 {{}}", *self._stated(n, facts), f"评分卡.倍数.{n}") for n in names)]

    def _unusual(self, row, facts, say) -> list[Sentence]:
        head = "本院.更不意外的占."
        names = [s.removeprefix(head) for s in facts if s.startswith(head) and facts[s] >= STRANGE]
        return [Sentence("与其余各项不合、值得核对的：" + ("" if names else "没有。")), *(
            say(f"　{self._called(n, row)}：比本院 {{}}% 的人更出人意料", *self._stated(n, facts), head + n) for n in names)]

    def _gaps(self, row, say) -> list[Sentence]:
        gaps = [HEART_WORDS[name] for name in self.whole if name not in self._known(row)]
        if not gaps:
            return [Sentence("十三项都做了。")]
        return [Sentence(f"没有做的：{'、'.join(gaps)}。没有补，也没有算进去。"),
                say("只凭做了的这几项，在克利夫兰的 AUC 是 {}；全做了是 {}。", "学的医院.这几项的AUC", "学的医院.全部项的AUC")]

    def _called(self, name: str, row: pd.DataFrame) -> str:
        """The column and its value; {} where that is a number."""
        value = f"“{HEART_WORDS[row[name].iloc[0]]}”" if name in HEART_CATEGORIES else f" {{}} {UNITS[name]}"
        return HEART_WORDS[name] + value

    def _stated(self, name: str, facts: Mapping[str, float]) -> list[str]:
        return [f"检查单.{name}"] if f"检查单.{name}" in facts else []


def wrong_numbers(report: Report, facts: Mapping[str, float]) -> list[Number]:
    """The numbers of a report that the facts, computed again, do not give; empty for a report that holds."""
    return untraced(report, facts, printed)


def printed(source: str, value: float) -> str:
    """Shares in whole per cent, odds ratios and AUC with two digits, measurements as recorded, all else whole."""
    kind = source.split(".")[1]
    if kind == "更不意外的占":
        return f"{np.floor(100 * value):.0f}"  # "more than 100 %" must not come from rounding
    if kind in ("可能", "照搬的可能", "下限", "上限", "有病率下限", "有病率上限"):
        return f"{100 * value:.0f}"
    if source.startswith("检查单."):
        return f"{value:g}"
    return f"{value:.2f}" if kind.endswith("AUC") else f"{value:.2g}" if kind == "倍数" else f"{value:.0f}"
