# SPDX-License-Identifier: Apache-2.0
"""Clause numbers in the text of the specification as links."""

import re
from collections.abc import Callable

from docs.spec_text import clauses

REFERENCE = re.compile(r"(?<![\w.-])((?:[1-9]|1[0-2]|[A-E])\.\d+(?:\.\d+)*)(?!\w|\.\w|%| dB)")
"""The number of a clause below the first level."""
_UNTOUCHED = re.compile(
    r"<!-- generated:.*?<!-- end generated -->|^```.*?^```"
    r"|^#[^\n]*|`[^`\n]*`|\[[^\]\n]*\]\([^)\n]*\)",
    re.DOTALL | re.MULTILINE,
)
"""Generated blocks, fenced code, headings, code and links: numbers there stay as they are."""


def link_clauses(text: str) -> str:
    """Return Markdown of ``spec/`` with every reference to a clause made a link."""
    return _outside(text, lambda part: REFERENCE.sub(_link, part))


def _link(match: re.Match[str]) -> str:
    found = clauses().get(match[1])
    return found.link if found else match[0]


def _outside(text: str, change: Callable[[str], str]) -> str:
    """Change what lies between the untouched parts."""
    pieces, position = [], 0
    for match in _UNTOUCHED.finditer(text):
        pieces += [change(text[position : match.start()]), match[0]]
        position = match.end()
    return "".join([*pieces, change(text[position:])])
