"""Who asks for what of generated media: the rules with number, date, article and source, and what a file can show.

This is reading matter for engineers, not legal advice. ``verified`` says how far each entry was checked here.
"""

from collections.abc import Mapping
from typing import NamedTuple

FORCE = {"部门规章": "是法", "规范性文件": "不是法律、规章，但有约束力", "强制性国家标准": "是标准，依《标准化法》必须执行",
         "欧盟条例": "是法，在欧盟直接适用", "自愿准则": "不是法", "行业规范": "不是法"}
CHECKS = {  # what a machine looks at, and no more than that
    "visible": "导出的文件里，机器找到那块字", "height": "字的墨迹不低于最短边的 5%", "metadata": "另写的程序读到七个键，一字不差",
    "machine": "元数据的 Label 是 1", "robust": "九种平常的折腾，每种之后至少有一种机器读得到的标识还在（95% 以上的图）",
    "licensed_data": "目录里写着许可，许可全文在", "cards": "两张卡片都由运行写出，没有来路不明的数",
    "two_layers": "签名的元数据和水印都在", "c2pa": "c2pa 库说没改过，来源是训练出来的算法", "c2pa_trusted": "不另加根证书，c2pa 库说 Trusted"}
STATES = {True: "做到", False: "没做到", None: "机器查不了"}


class Rule(NamedTuple):
    """One requirement. check: the name of the test that a file can pass, or "" where people have to look."""

    name: str
    kind: str
    number: str
    since: str
    article: str
    asks: str
    check: str
    source: str
    verified: str

    @property
    def force(self) -> str:
        """Whether it is law, and if not, what binds whom."""
        return FORCE[self.kind]


def _rules(name: str, kind: str, number: str, since: str, source: str, verified: str,
           *articles: tuple[str, str, str]) -> list[Rule]:
    return [Rule(name, kind, number, since, article, asks, check, source, verified) for article, asks, check in articles]


RULES = [
    *_rules("生成式人工智能服务管理暂行办法", "部门规章", "国家网信办等七部门令第 15 号", "2023-08-15",
            "gov.cn/gongbao/2023/issue_10666/202308/content_6900864.html", "公报上的令号、日期和第二条核对过；其余条文号待核",
            ("第二条", "适用于向境内公众提供的服务；科研、教育机构自用而不提供给公众的，不适用", ""),
            ("第四条", "不得侵害他人的肖像、名誉、隐私、知识产权；防止歧视", ""),
            ("第七条", "训练数据来源合法，不侵害知识产权；有个人信息的要有同意", "licensed_data"),
            ("第十二条", "按《互联网信息服务深度合成管理规定》标识图片、视频", "visible"),
            ("第十四条", "发现违法内容，停止生成、传输，整改并报告", ""),
            ("第十五条", "有投诉、举报的入口", ""),
            ("第十七条", "有舆论属性或社会动员能力的，做安全评估和算法备案", ""),
            ("第十九条", "检查时说明训练数据的来源、规模、类型", "cards"),
            ("第十九条（续）", "并说明标注规则、算法机制机理", "")),
    *_rules("互联网信息服务深度合成管理规定", "部门规章", "国家网信办等三部门令第 12 号", "2023-01-10",
            "国家网信办 2022-11-25 公布", "凭记忆写的，全文待核",
            ("第十七条", "可能让公众混淆的深度合成，在合理位置显著标识", "visible")),
    *_rules("人工智能生成合成内容标识办法", "规范性文件", "国信办通字〔2025〕2 号", "2025-09-01",
            "国家网信办等四部门 2025-03 印发；文号、施行日期见诸多家转载", "文号、日期、要求与转载核对过；官方页面没有打开，条文号待核",
            ("第四条", "图片的适当位置加显著的提示标识；下载、导出的文件里也要有", "visible"),
            ("第五条", "文件元数据里加隐式标识：属性、服务提供者、内容编号；鼓励加数字水印", "metadata"),
            ("第六条", "传播平台核验元数据里的隐式标识，提醒公众", ""),
            ("第八条", "用户协议里说明标识的方法和样式", ""),
            ("第十条", "不得恶意删除、篡改、伪造、隐匿标识，也不得为此提供工具", "")),
    *_rules("网络安全技术 人工智能生成合成内容标识方法", "强制性国家标准", "GB 45438-2025", "2025-09-01",
            "国家标准全文公开系统（openstd.samr.gov.cn）查 GB 45438-2025", "要求与二手的解读核对过；标准原文没有打开，章条号、字段写在 XMP 何处待核",
            ("图片显式标识", "含“人工智能”或“AI”，含“生成”或“合成”；文字高度不低于最短边的 5%", "height"),
            ("元数据隐式标识", "扩展字段 AIGC：七个键，Label 取“1”为确是生成", "metadata")),
    *_rules("人工智能法 AI Act", "欧盟条例", "Regulation (EU) 2024/1689", "2026-08-02", "data.europa.eu/eli/reg/2024/1689/oj",
            "第 50 条的内容与转载核对过；修订的公报号待核",
            ("第 50 条第 2 款", "提供者：输出要有机器可读的标记，能被识别为生成", "machine"),
            ("第 50 条第 2 款（续）", "在技术可行的范围内有效、可互通、稳健、可靠", "robust"),
            ("第 50 条第 4 款", "使用者：深度伪造要说明；就公共事务发布的生成文字要说明", "visible"),
            ("第 50 条第 5 款", "说明要清楚、可分辨，最晚在第一次接触时，并且无障碍", "")),
    *_rules("人工智能法的修订", "欧盟条例", "Digital Omnibus on AI，公报号待核", "2026-06-29 理事会通过，生效日待核",
            "多家律所的说明（如 DLA Piper 2026-07-02）", "通过的日期与几处说明核对过；刊出和生效的日期待核",
            ("第 50 条第 2 款的过渡", "2026-08-02 前已上市的生成系统，宽限到 2026-12-02；其余各款不变", "")),
    *_rules("生成内容透明度行为准则 Code of Practice", "自愿准则", "欧盟委员会 AI Office", "2026-06-10",
            "iptc.org/news/eu-ai-transparency-code-of-practice-june-2026", "照 IPTC 的介绍；准则原文没有打开，待核",
            ("措施 1.1", "两层：签名的元数据，加不可见水印", "two_layers")),
    *_rules("C2PA 技术规范", "行业规范", "C2PA Technical Specification", "自愿采用", "spec.c2pa.org", "由 c2pa 库按规范写出并核验",
            ("created 动作", "签名的清单，写明 digitalSourceType 是训练出来的算法", "c2pa"),
            ("信任名单", "签名证书要在信任名单上，公开的验证器才认", "c2pa_trusted")),
]


def checklist(found: Mapping[str, bool]) -> list[tuple[Rule, str]]:
    """Each rule with 做到, 没做到 or 机器查不了, from the outcome of the checks that ``found`` names.

    Raises ValueError unless ``found`` has each of CHECKS, and nothing else.
    """
    if set(CHECKS) != set(found):
        raise ValueError(f"the rules want the checks {sorted(CHECKS)}, got {sorted(found)}.")
    return [(rule, STATES[found[rule.check] if rule.check else None]) for rule in RULES]
