"""Make aigc_lib/fonts/AIGCSansSC-Regular.otf, the Chinese font of the course's figures.

    pip download --no-deps pylopdf-fonts-zh-cn==0.1.1 && unzip pylopdf_fonts_zh_cn-*.whl
    python data/prepare/font.py pylopdf_fonts_zh_cn/NotoSansSC-Regular.otf

The source is Noto Sans SC 2.004 (SIL Open Font License 1.1). The subset holds ASCII, Latin-1,
Greek, the symbols below, all of GB 2312 (6,763 characters), and the extra characters below.
"Noto" is a trademark, so the result has a name of its own; the copyright notice stays.
Hinting is dropped because matplotlib's default is FreeType's own auto-hinter.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parents[2] / "aigc_lib" / "fonts" / "AIGCSansSC-Regular.otf"
FAMILY = "AIGC Sans SC"
POSTSCRIPT = "AIGCSansSC-Regular"
SYMBOLS = (
    "−±×÷·…—–―‘’“”‰℃℉™°′″√∞∂∫∮∇∑∏∈∉∋∩∪⊂⊃∀∃∧∨∥⊥∠∝≈≠≡≤≥≪≫⊕⊙⊗←→↑↓↔⇒⇔"
    "²³¹½¼¾①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ✓○●◎□■△▲▽▼◇◆☆★※"
    "　、。〈〉《》「」『』【】〔〕〖〗！＂＃＄％＆＇（）＊＋，－．／：；＜＝＞？＠［＼］＿｛｜｝～￥"
)
EXTRA = "镕堃喆玥瑄晞囧嘚鲶鲇犇浔珺彧昉菪禤"  # names and words beyond GB 2312


def wanted() -> set[int]:
    """Code points of the subset."""
    latin = {*range(0x20, 0x7F), *range(0xA0, 0x100)}
    greek = {*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA)}
    pairs = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    hanzi = "".join(pair.decode("gb2312", errors="ignore") for pair in pairs)
    return latin | greek | set(map(ord, hanzi + SYMBOLS + EXTRA))


def rename(font: TTFont) -> None:
    """Give the subset its own name; keep copyright, designers and licence."""
    names = {1: FAMILY, 2: "Regular", 3: f"2.004;{POSTSCRIPT}", 4: FAMILY, 6: POSTSCRIPT}
    table = font["name"]
    table.names = [n for n in table.names if n.nameID in (0, 5, 9, 10, 13, 14) and n.platformID == 3]
    for number, text in names.items():
        table.setName(text, number, 3, 1, 0x409)
    cff = font["CFF "].cff
    cff.fontNames = [POSTSCRIPT]
    cff.topDictIndex[0].FullName = cff.topDictIndex[0].FamilyName = FAMILY


def main() -> None:
    font = TTFont(sys.argv[1], recalcTimestamp=False)
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx", "DSIG"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted())
    subsetter.subset(font)
    rename(font)
    font.save(TARGET)
    held = set(font.getBestCmap())
    absent = "".join(map(chr, sorted(wanted() - held)))
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {len(held):,} characters, not in the source: {absent}")


if __name__ == "__main__":
    main()
