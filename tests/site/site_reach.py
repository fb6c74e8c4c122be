"""Can everybody read a page? axe-core's rules, the size of the letters on a phone, and a walk with the Tab key."""

from functools import cache

import pytest

from aigc_lib.course import npm

AXE = "axe-core@4.14.1"
AXE_FILES = {"axe.min.js": ("axe.min.js", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c")}
SMALLEST = 14  # px
BREAKS = """() => axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations
  .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target}: ${node.html.slice(0, 120)}`)))"""
# Letters that a reader sees. Formulas are drawn, and an index is small by nature.
SMALL = """(smallest) => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const box = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim()) continue;
    if (box.closest("script, style, noscript, mjx-container, sub, sup, svg")) continue;
    const size = parseFloat(getComputedStyle(box).fontSize);
    if (size < smallest && box.checkVisibility() && box.getBoundingClientRect().width)
      found.push(`${size} px: ${walk.currentNode.textContent.trim().slice(0, 30)}`);
  }
  return found;
}"""
STOP = """() => {
  const box = document.activeElement, style = getComputedStyle(box), place = box.getBoundingClientRect();
  if (box === document.body) return null;
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== "none";
  const text = box.innerText || box.getAttribute("aria-label") || box.title || "";
  return {text: text.trim(), classes: box.className, seen: ring && place.width > 0 && place.height > 0};
}"""


@cache
def axe() -> str:
    """The script; npm brings it once and it stays in the cache. Skips the test where npm cannot."""
    try:
        return (npm.fetch(AXE, AXE_FILES) / "axe.min.js").read_text("utf-8")
    except npm.NotFetched as error:
        pytest.skip(str(error))


def broken_rules(page) -> list[str]:
    """What axe-core finds on the page as it stands."""
    page.emulate_media(reduced_motion="reduce")  # else a colour may be looked at while it fades in
    page.evaluate(axe())
    return [f"{page.url}: {fault}" for fault in page.evaluate(BREAKS)]


def small_letters(page) -> list[str]:
    """Text that is too small to read on a phone."""
    return [f"{page.url}: {fault}" for fault in page.evaluate(SMALL, SMALLEST)]


def tab_stops(page, most: int = 600) -> list[dict]:
    """Where the Tab key leads from the top of the page: text, classes, and whether one sees it."""
    stops = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            return stops
        stops.append(stop)
    raise AssertionError(f"{page.url}: {most} stops and no end: a trap")
