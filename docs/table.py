# SPDX-License-Identifier: Apache-2.0
"""Markdown tables."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns whose cells are all numbers are aligned to the right."""
    body = [tuple(row) for row in rows]
    aligns = [
        "--:" if body and all(_is_number(row[column]) for row in body) else ":--"
        for column in range(len(heads))
    ]
    lines = [tuple(heads), tuple(aligns), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("-", "").isdigit()
