"""Checks on the files of a built site: links that lead nowhere, resources from elsewhere."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Tags whose address the browser fetches by itself; an <a> only when a reader clicks it.
FETCHED = {"script", "link", "img", "source", "iframe", "video", "audio", "embed", "object", "input"}
CSS_ADDRESS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


class Page(HTMLParser):
    """The ids of a page and the addresses it names: ``(tag, address)``."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[tuple[str, str]] = []
        self.css = ""
        self.in_style = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what an opening tag refers to."""
        self.in_style = tag == "style"
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.ids.add(value)
            elif name == "style":
                self.css += value or ""
            elif name in {"href", "src", "data", "poster"} and value is not None:
                self.addresses.append((tag, value))
            elif name == "srcset":
                self.addresses += [(tag, part.split()[0]) for part in (value or "").split(",") if part.strip()]

    def handle_data(self, data: str) -> None:
        """Keep the text of <style> elements."""
        if self.in_style:
            self.css += data

    def handle_endtag(self, tag: str) -> None:
        """A closing tag ends a <style>."""
        self.in_style = False


def pages(site: Path) -> list[Path]:
    """The pages of a site; the theme leaves templates of its own among the static files."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def is_external(address: str) -> bool:
    """True for an address with a host."""
    return bool(urlsplit(address).netloc)


def external_resources(site: Path) -> list[str]:
    """Scripts, styles, fonts and pictures that the site's pages and styles take from elsewhere."""
    found = []
    for path in pages(site):
        page = Page(path)
        wanted = [address for tag, address in page.addresses if tag in FETCHED]
        wanted += CSS_ADDRESS.findall(page.css)
        found += [f"{path.relative_to(site)}: {address}" for address in wanted if is_external(address)]
    for path in site.rglob("*.css"):
        wanted = CSS_ADDRESS.findall(path.read_text("utf-8"))
        found += [f"{path.relative_to(site)}: {address}" for address in wanted if is_external(address)]
    return found


def broken_links(site: Path) -> list[str]:
    """Links inside the site whose file or anchor does not exist."""
    load = cache(Page)
    broken = []
    for path in pages(site):
        for _, address in load(path).addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                broken.append(f"{path.relative_to(site)}: {address} (no such file)")
            elif anchor and target.suffix == ".html" and anchor not in load(target).ids:
                broken.append(f"{path.relative_to(site)}: {address} (no such anchor)")
    return broken
