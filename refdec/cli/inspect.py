# SPDX-License-Identifier: Apache-2.0
"""Show every syntax element of a stream: where it lies, its value, the requirements it is under.

Only the syntax is read: no weights are needed and nothing is decoded. The elements before an
error are listed too, so that a damaged stream can be looked at.
"""

import hashlib
import itertools
from collections.abc import Iterator

from refdec.errors import RefdecError
from refdec.syntax.element import ElementRow

MAX_SHOWN_BYTES = 32
"""Byte strings are cut to so many bytes for display."""
HEXADECIMAL_ELEMENTS = frozenset({"marker", "signature", "segment_crc"})


def inspection_document(
    data: bytes, rows: list[ElementRow], error: RefdecError | None
) -> dict[str, object]:
    """Return what ``refdec inspect --json`` prints.

    A byte string's value is an object: its length, SHA-256 and first bytes in hexadecimal.
    """
    return {
        "num_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "elements": [
            {
                "segment": row.segment,
                "element": row.element,
                "byte": row.bit_offset >> 3,
                "bit": row.bit_offset & 7,
                "num_bits": row.width,
                "value": json_value(row.value),
                "requirements": list(row.requirements),
            }
            for row in rows
        ],
        "error": None
        if error is None
        else {
            "kind": type(error).__name__,
            "message": error.message,
            "element": error.element,
            "byte": error.offset,
            "requirement": error.requirement,
        },
    }


def json_value(value: int | bytes) -> int | dict[str, object]:
    """Return an integer as it is, and describe a byte string."""
    if isinstance(value, int):
        return value
    return {
        "num_bytes": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
        "first_bytes": value[:MAX_SHOWN_BYTES].hex(),
    }


def inspection_lines(rows: list[ElementRow]) -> Iterator[str]:
    """Give one line per element under a line per segment."""
    yield f"{'byte.bit':>10} {'bits':>7}  {'element':<34}{'requirements':<17}value"
    number = itertools.count()
    for row in rows:
        if row.element == "marker":
            yield f"{row.segment} (segment {next(number)})"
        place = f"{row.bit_offset >> 3}.{row.bit_offset & 7}"
        requirements = " ".join(row.requirements)
        yield f"{place:>10} {row.width:>7}  {row.element:<34}{requirements:<17}{value_text(row)}"


def value_text(row: ElementRow) -> str:
    """Return a value in one short word."""
    if isinstance(row.value, int):
        if row.element in HEXADECIMAL_ELEMENTS:
            return f"{row.value:0{row.width // 4}X}"
        return str(row.value)
    cut = "..." if len(row.value) > MAX_SHOWN_BYTES else ""
    return (row.value[:MAX_SHOWN_BYTES].hex() or "(empty)") + cut
