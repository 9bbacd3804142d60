# SPDX-License-Identifier: Apache-2.0
"""Find links inside a built site that lead nowhere."""

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Collect the anchors of a page and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids, names, links and sources."""
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value or "")
            elif name in {"href", "src"} and tag != "link":
                self.targets.add(value or "")


def broken_links(site: Path) -> Iterator[tuple[str, str]]:
    """Yield each page with a target inside the site that does not exist."""

    @cache
    def page(path: Path) -> _Page:
        return _Page(path.read_text(encoding="utf-8"))

    for path in sorted(site.rglob("*.html")):
        for target in sorted(page(path).targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_page = place.suffix == ".html" and place.is_file()
            if not place.exists() or (
                is_page and parts.fragment and unquote(parts.fragment) not in page(place).anchors
            ):
                yield path.relative_to(site).as_posix(), target
