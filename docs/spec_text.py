# SPDX-License-Identifier: Apache-2.0
"""Read the specification: its clauses, its generated blocks, the requirements it states."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SPEC = Path(__file__).resolve().parent.parent / "spec"
REQUIREMENT = re.compile(r"(?!SHA)[A-Z]{3}-\d{3}")
"""An identifier; ``SHA-256`` only looks like one."""
_BLOCK = re.compile(r"<!-- generated: ([^\n]+?) -->\n(.*?)<!-- end generated -->", re.DOTALL)
_SHORT, _WIDE = 26, 8
"""Most rows of a short table, head included; columns from which on a table is wide."""
_HEADING = re.compile(
    r"^#+ (?:Annex )?(?P<number>[A-Z\d]+(?:\.\d+)*) (?:\((?:in|nor)[a-z]+\) )?(?P<title>.+)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Clause:
    """A heading of the specification and the text up to the next heading."""

    number: str
    """Such as ``8.4.2`` or ``C.1``; an annex itself is ``C``."""
    title: str
    file: str
    text: str
    """Generated blocks included."""

    @property
    def own_text(self) -> str:
        """What was written by hand."""
        return without_blocks(self.text)

    @property
    def link(self) -> str:
        """The number as a link to the heading."""
        if "." not in self.number:
            return f"[{self.number}]({self.file})"
        words = re.sub(r"[^\w -]", "", f"{self.number} {self.title}".lower())
        return f"[{self.number}]({self.file}#{words.replace(' ', '-')})"


@dataclass(frozen=True)
class Statement:
    """A requirement where it is stated."""

    requirement: str
    sentence: str
    """The text up to the identifier, from the last full stop."""
    clause: Clause


def spec_files() -> list[Path]:
    """Return the files in reading order: README, clauses, annexes."""
    return sorted(SPEC.glob("*.md"), key=lambda path: (path.name != "README.md", path.name))


def block_names(text: str) -> list[str]:
    """Return the names of the generated blocks of a text."""
    return [name for name, _ in _BLOCK.findall(text)]


def fill_blocks(text: str, make: Callable[[str], str]) -> str:
    """Return the text with the body of every block made anew."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- generated: {name} -->\n\n{make(name).strip()}\n\n<!-- end generated -->"

    return _BLOCK.sub(fill, text)


def without_blocks(text: str) -> str:
    """Return the text without its generated blocks."""
    return _BLOCK.sub("", text)


@cache
def clauses() -> dict[str, Clause]:
    """Return every clause by number, in reading order.

    Raises
    ------
    ValueError
        A number is used twice.
    """
    found: dict[str, Clause] = {}
    for path in spec_files():
        if path.name == "README.md":
            continue
        text = path.read_text(encoding="utf-8")
        headings = list(_HEADING.finditer(text))
        ends = [heading.start() for heading in headings[1:]] + [len(text)]
        for heading, end in zip(headings, ends, strict=True):
            number, title = heading["number"], heading["title"]
            if number in found:
                message = f"clause {number} is in {found[number].file} and in {path.name}"
                raise ValueError(message)
            found[number] = Clause(number, title, path.name, text[heading.end() : end])
    return found


@cache
def statements() -> tuple[Statement, ...]:
    """Return every ``[ID]`` of the text written by hand, in reading order."""
    found = []
    for clause in clauses().values():
        # A list item, a table row and a paragraph are looked at one by one.
        for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.|\(\d+\)) )", clause.own_text):
            joined = " ".join(part.split())
            for match in re.finditer(rf"\[({REQUIREMENT.pattern})\]", joined):
                before = re.sub(r"(?:, |; )?\[[^\]]+\]", "", joined[: match.start()]).strip()
                sentence = re.split(r"(?<=[.:])\s+(?=[A-Z*`])", before)[-1]
                sentence = re.sub(r"^(?:[-*]|\(\d+\)|\d+\.) ", "", sentence)
                lead = re.match(r"(\*\*\w+\*\*(?:\[ \w \])?(?:, )?)+:", joined)
                if lead and not sentence.startswith("**"):
                    sentence = f"{lead[0]} {sentence}"
                found.append(Statement(match[1], sentence, clause))
    return tuple(found)


def mark_tables(text: str) -> str:
    """Give tables classes for style sheets.

    ``indented``: the first column has indents; ``short``: fits on a page; ``wide``: many columns.
    """
    return re.sub(r"(?m)(?<=\n\n)(?:\|.*\n)+", lambda table: _classes(table[0]) + table[0], text)


def _classes(rows: str) -> str:
    lines = rows.splitlines()
    classes = {
        ".indented": "| &emsp;" in rows,
        ".short": len(lines) <= _SHORT,
        ".wide": len(re.findall(r"(?<!\\)\|", lines[0])) > _WIDE,
    }
    found = [name for name, holds in classes.items() if holds]
    return f"{{{' '.join(found)}}}\n" if found else ""
