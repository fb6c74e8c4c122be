"""The document's fifteen cases: what each promises, of which family, on what data, against what baseline."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

INDUSTRIES = {"4": "娱乐与媒体", "5": "教育", "6": "金融", "7": "制造", "8": "医疗"}


class Case(NamedTuple):
    """One case. family: the document's choice; kind: of data, 图像 (clips too), 序列, 表格, 选择 or 排程."""

    section: str
    notebook: str
    title: str
    family: str
    kind: str
    data: str
    baseline: str

    @property
    def industry(self) -> str:
        return INDUSTRIES[self.section[0]]

    def verdicts(self, ledger: Iterable[Mapping]) -> Counter:
        """How often each verdict was passed on this case, out of the ledger's rows."""
        return Counter(row["verdict"] for row in ledger if row["section"] == self.section)


CASES = (
    Case("4.1", "ch04_1_content_creation", "内容创作：影视特效", "GAN", "图像",
         "流体求解器的烟与火（模拟）", "PCA + 高斯、条件 VAE、求解器本身"),
    Case("4.2", "ch04_2_user_interaction", "用户交互：音乐推荐", "自动编码器", "选择",
         "Last.fm、MovieLens", "热门榜、EASE、隐式 ALS"),
    Case("4.3", "ch04_3_marketing", "营销策略：广告图", "GAN", "图像",
         "Twemoji 彩色图形", "VAE、最近的训练图"),
    Case("5.1", "ch05_1_personalised_learning", "个性化学习：选题", "自动编码器", "选择",
         "SPISA、MathExam14W 的答题记录", "题目均值、项目反应理论"),
    Case("5.2", "ch05_2_automatic_grading", "自动批改：算式", "自动编码器", "图像",
         "真实笔迹拼成的算式", "PCA + 分类器、有监督 CNN"),
    Case("5.3", "ch05_3_teaching_aids", "教学辅助：写字动画", "GAN", "图像",
         "hanzi-writer 的笔顺", "PCA 动画、VAE、直接渲染"),
    Case("6.1", "ch06_1_risk_assessment", "风险评估：风险报告", "自动编码器", "表格",
         "credit_data、lending_club", "评分卡、梯度提升、孤立森林"),
    Case("6.2", "ch06_2_loan_approval", "贷款审批", "自动编码器", "表格",
         "德国信贷 1,000 份申请", "逻辑回归、梯度提升"),
    Case("6.3", "ch06_3_investment_strategy", "投资策略", "GAN", "序列",
         "20 只美股，1990–2022", "等权、最小方差、自助法"),
    Case("7.1", "ch07_1_production_optimisation", "生产优化：排程", "自动编码器", "排程",
         "有最优解的车间调度题", "派工规则、遗传算法、CP-SAT"),
    Case("7.2", "ch07_2_quality_control", "质量控制：隐裂", "自动编码器", "图像",
         "ELPV 太阳能电池 2,624 张", "PCA、kNN、孤立森林"),
    Case("7.3", "ch07_3_equipment_maintenance", "设备维护：寿命", "扩散模型", "序列",
         "NASA 电池、C-MAPSS", "末段斜率、梯度提升、分位数回归"),
    Case("8.1", "ch08_1_diagnosis", "诊断与预测", "自动编码器", "表格",
         "UCI 心脏病，四家医院 920 人", "逻辑回归、梯度提升"),
    Case("8.2", "ch08_2_medical_imaging", "医疗影像", "GAN", "图像",
         "CT 模体（模拟）、PneumoniaMNIST", "PCA、自动编码器、有监督 CNN"),
    Case("8.3", "ch08_3_health_management", "健康管理：控糖", "扩散模型", "序列",
         "simglucose 虚拟病人（模拟）、真实血糖", "标准剂量公式、随机搜索"),
)
