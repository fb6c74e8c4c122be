"""A new chapter: a complete little notebook that keeps every contract, to be rewritten piece by piece."""

from importlib.resources import files

from aigc_lib.course.files import write_atomic
from aigc_lib.course.manifest import NAME, Chapter, CourseError, load_manifest, manifest_path, section_key, with_chapter
from aigc_lib.course.notebook import parse_notebook, write_notebook


def create(name: str, section: str, title: str, part: str = "") -> Chapter:
    """Write ``notebooks/<name>.ipynb`` (not yet run) and its manifest entry; CourseError when either exists."""
    manifest = load_manifest()
    if not NAME.fullmatch(name):
        raise CourseError(f"章节名“{name}”只能用小写字母、数字和下划线，如 ch04_1_content。")
    before = [c for c in manifest if section_key(c.section) < section_key(section)]
    chapter = Chapter(name, section, title, part or (before or manifest)[-1].part, full_seconds=60, smoke_seconds=25)
    taken = [c for c in manifest if name == c.name or chapter.heading == c.heading]
    if taken or chapter.path.exists():
        raise CourseError(f"{name}（{section}）已经有了：{taken[0].heading if taken else chapter.path}。")
    write_notebook(template(chapter), chapter.path)
    path = manifest_path()
    write_atomic(path, with_chapter(path.read_text(encoding="utf-8"), chapter))
    return chapter


def template(chapter: Chapter):
    """The template notebook with the chapter's name and number in it."""
    text = files("aigc_lib.course").joinpath("template.ipynb").read_text(encoding="utf-8")
    nb = parse_notebook(text)
    words = {"CHAPTER_NAME": chapter.name, "CHAPTER_HEADING": chapter.heading, "CHAPTER_SECTION": chapter.section,
             "CLAIM_PREFIX": "_".join(chapter.name.split("_")[:2])}
    for cell in nb.cells:
        for word, value in words.items():
            cell.source = cell.source.replace(word, value)
    return nb
