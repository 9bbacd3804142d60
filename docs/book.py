# SPDX-License-Identifier: Apache-2.0
"""The specification alone, as one HTML page and as a PDF with contents and page numbers.

usage: python -m docs.book [FOLDER]

The PDF is made with WeasyPrint, which needs the system library Pango (Debian, Ubuntu:
``apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0``).
"""

import re
import sys
from pathlib import Path

from docs.code_facts import ROOT
from docs.references import link_clauses
from docs.spec_text import Clause, clauses, mark_tables, spec_files

FOLDER = ROOT / "build" / "specification"
HTML_NAME, PDF_NAME = "jai-specification.html", "jai-specification.pdf"
STYLE = ROOT / "docs" / "style" / "book.css"
_INTRODUCTION = "Introduction"
_NO_PANGO = """\
the PDF needs WeasyPrint and the system library Pango, but: {error}
Install the extra `docs` of this project, and on Debian or Ubuntu
    apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"""


def book_text() -> str:
    """Return the specification as one Markdown document, contents first."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in spec_files()}
    introduction = texts.pop("README.md")
    introduction = re.sub(r"\A# .*", f"# {_INTRODUCTION}", introduction)
    introduction = re.sub(r"(?ms)^## Contents\n.*?(?=^Normative data)", "", introduction)
    parts = [_cover(introduction), _contents(), introduction, *texts.values()]
    targets = {name: _anchor(text) for name, text in texts.items()}
    targets["README.md"] = _INTRODUCTION.lower()
    return mark_tables(_inner_links(link_clauses("\n\n".join(parts)), targets))


def _cover(introduction: str) -> str:
    edition, state, decoder = re.findall(
        r"^\| (\d+) \| (.+?) \| (.+?) \|$", introduction, re.MULTILINE
    )[0]
    return (
        f'<div class="cover"><p class="title">JAI: specification</p><p>Edition {edition}: {state}'
        f"</p><p>Reference decoder: {decoder}</p></div>"
    )


def _contents() -> str:
    """List clauses and their subclauses, with classes for the depth."""
    lines = [f"- [{_INTRODUCTION}](#{_INTRODUCTION.lower()})"]
    for clause in clauses().values():
        depth = clause.number.count(".")
        if depth <= 1:
            annex = "Annex " if not depth and clause.number.isalpha() else ""
            indent = "  " * depth
            lines.append(f"{indent}- [{annex}{clause.number} {clause.title}](#{_slug(clause)})")
    return "\n".join(['<nav class="contents"><p>Contents</p>', "", *lines, "", "</nav>"])


def _slug(clause: Clause) -> str:
    text = (ROOT / "spec" / clause.file).read_text(encoding="utf-8")
    return clause.link.partition("#")[2].rstrip(")") or _anchor(text)


def _anchor(text: str) -> str:
    """Return the anchor of a file's title, as GitHub and MyST make it."""
    title = text.partition("\n")[0].removeprefix("# ").lower()
    return re.sub(r"[^\w -]", "", title).replace(" ", "-")


def _inner_links(text: str, targets: dict[str, str]) -> str:
    """Turn links between files into links inside the document, and to other files into text."""

    def change(match: re.Match[str]) -> str:
        label, file, anchor = match[1], match[2], match[3]
        if file in targets:
            return f"[{label}](#{anchor or targets[file]})"
        return f"`{label}`" if file and "://" not in file else match[0]

    return re.sub(r"\[([^\]\n]*)\]\(([^)#\n]*)#?([^)\n]*)\)", change, text)


def book_html() -> str:
    """Return the document as one HTML page that needs no other file.

    Raises
    ------
    docutils.utils.SystemMessage
        The Markdown has a warning, such as a link that leads nowhere.
    """
    from docutils.core import publish_string  # noqa: PLC0415  of the extra `docs`
    from myst_parser.docutils_ import Parser  # noqa: PLC0415

    settings = {
        "myst_heading_anchors": 4,
        "myst_enable_extensions": ["attrs_block"],
        "stylesheet_path": str(STYLE),
        "stylesheet_dirs": [],
        "embed_stylesheet": True,
        "halt_level": 2,
        "title": "JAI: specification",
        "generator": False,
        "datestamp": False,
        "doctitle_xform": False,
        "initial_header_level": 1,
        "output_encoding": "unicode",
    }
    page = publish_string(book_text(), parser=Parser(), writer="html5", settings_overrides=settings)
    return str(page)


def write_pdf(page: str, place: Path) -> None:
    """Lay a page out as a PDF.

    Raises
    ------
    SystemExit
        WeasyPrint or a system library is missing; the message says which and what to install.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415  needs system libraries
    except (ImportError, OSError) as error:
        raise SystemExit(_NO_PANGO.format(error=error)) from error
    HTML(string=page).write_pdf(place)


def main(folder: Path = FOLDER) -> None:
    """Write both documents."""
    folder.mkdir(parents=True, exist_ok=True)
    page = book_html()
    (folder / HTML_NAME).write_text(page, encoding="utf-8")
    write_pdf(page, folder / PDF_NAME)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
