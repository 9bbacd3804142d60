# SPDX-License-Identifier: Apache-2.0
"""The coverage matrix: what the declarations say there is, and the streams that have it.

Each cell has streams or a waiver with a reason, in ``coverage_waivers.toml``. Cells of elements
and conditions follow from the declarations of the syntax, those of error codes from the
specification's index of requirements, those of tables, escapes and clips from the decoder's limits.
"""

import fnmatch
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from conformance import ROOT
from conformance.case import Case
from refdec.entropy.block_transform import LATENT_MAX
from refdec.entropy.hyper_latent import HYPER_LATENT_MAX
from refdec.entropy.residual import RESIDUAL_MAX
from refdec.entropy.tables import load_residual_tables
from refdec.network import load_model_set
from refdec.resources import spec_path
from refdec.syntax.declaration import Element, elements_of
from refdec.syntax.element import ElementRow
from refdec.syntax.parser import inspect_codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    AlphaSegment,
    AnimationHeader,
    DecodedPictureHash,
    EnhancementSegment,
    FrameHeader,
    Metadata,
    PictureHash,
    QualityMapSegment,
    ResidualSegment,
    SegmentHeader,
    StartOfCodestream,
    ToolHeader,
)
from refenc.encode import MODEL_SET

FRAMING = "segment"
STRUCTURES: tuple[tuple[str, type], ...] = (
    (FRAMING, SegmentHeader),
    ("SOC", StartOfCodestream),
    ("PIH", PictureHeader),
    ("TOH", ToolHeader),
    ("ANI", AnimationHeader),
    ("FRH", FrameHeader),
    ("MTD", Metadata),
    ("SOQ", QualityMapSegment),
    ("SOR", ResidualSegment),
    ("SOA", AlphaSegment),
    ("SOE", EnhancementSegment),
    ("DPH", DecodedPictureHash),
    ("DPH.hashes", PictureHash),
)
"""Structures of elements, by what stands before their names."""
MAX_VALUES = 18
"""Each value of smaller sets of legal values has a cell of its own."""
VARINT_BYTES = range(1, 5)
MAX_ESCAPE_ZEROS = 12
CLIPS = {
    "z_hat": (-HYPER_LATENT_MAX, HYPER_LATENT_MAX),
    "residual": (-RESIDUAL_MAX, RESIDUAL_MAX),
    "y_hat": (-LATENT_MAX, LATENT_MAX),
    "picture": (0, (1 << 16) - 1),
}
"""Smallest and largest value of what is limited."""
MAX_SHOWN = 4
Found = dict[str, list[str]]
"""Case ids by cell."""


class Cell(NamedTuple):
    """One thing that a stream can have."""

    row: str
    column: str
    streams: tuple[str, ...]
    waiver: str
    """Why there need be no stream; empty where none is waived."""

    @property
    def name(self) -> str:
        """Row and column."""
        return f"{self.row} {self.column}"


def waivers() -> dict[str, str]:
    """Return the reasons by pattern of cell names."""
    text = (ROOT / "coverage_waivers.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["waiver"]
    return {pattern: entry["reason"] for entry in entries for pattern in entry["cells"]}


def matrix(cases: Sequence[Case]) -> dict[str, list[Cell]]:
    """Return the cells of each table, in order."""
    found: Found = defaultdict(list)
    for case in cases:
        for name in dict.fromkeys(_facts(case)):
            found[name].append(case.id)
    reasons = waivers()

    def cell(row: str, column: str) -> Cell:
        streams, name = tuple(found.get(f"{row} {column}", ())), f"{row} {column}"
        patterns = [] if streams else [p for p in reasons if fnmatch.fnmatchcase(name, p)]
        return Cell(row, column, streams, reasons[patterns[0]] if patterns else "")

    return {
        title: [cell(row, column) for row, column in names]
        for title, names in {
            "Elements": _element_cells(),
            "Conditions": _condition_cells(),
            "Error codes": ((requirement, "broken") for requirement in requirements()),
            "Entropy coding": _entropy_cells(),
            "Clips": ((name, f"{end}") for name, ends in CLIPS.items() for end in ends),
        }.items()
    }


def gaps(tables: dict[str, list[Cell]]) -> list[str]:
    """Name the cells without streams that are not waived, and the waivers that waive nothing."""
    cells = [cell for table in tables.values() for cell in table]
    empty = [f"{cell.name}: no stream" for cell in cells if not cell.streams and not cell.waiver]
    waived = [cell.name for cell in cells if cell.waiver]
    stale = [p for p in waivers() if not any(fnmatch.fnmatchcase(name, p) for name in waived)]
    return [*empty, *(f"{pattern}: the waiver waives nothing" for pattern in stale)]


def requirements() -> list[str]:
    """Return the identifiers of B.4 that a codestream can break."""
    text = spec_path("annex-b-errors.md").read_text(encoding="utf-8").partition("## B.4")[2]
    return re.findall(r"^\| ([A-Z]{3}-[0-9]{3}) \|", text, re.MULTILINE)


def _declared() -> Iterator[tuple[str, Element]]:
    """Yield every element that is an integer, and its name in the matrix."""
    for prefix, structure in STRUCTURES:
        for item in elements_of(structure):
            if item.descriptor is not None and item.descriptor.name in {"u", "ue", "varint"}:
                yield f"{prefix}.{item.name}", item


def _largest(item: Element) -> int | None:
    """Return the largest value that a u(n) element can say; None where that has no fixed end."""
    descriptor = item.descriptor
    is_fixed = (
        descriptor is not None and descriptor.name == "u" and isinstance(descriptor.size, int)
    )
    return (1 << descriptor.size) - 1 if descriptor is not None and is_fixed else None


def _illegal(item: Element) -> dict[str, int]:
    """Return illegal values of an element of which a set of values is legal, by column."""
    largest = _largest(item)
    if item.allowed is None or largest is None:
        return {}
    legal = set(map(int, item.allowed))
    first = next((v for v in range(min(max(legal) + 1, largest + 1), largest + 1)), None)
    first = next(v for v in range(largest) if v not in legal) if first is None else first
    last = next((v for v in range(largest, -1, -1) if v not in legal), first)
    return {"first invalid": first} | ({"last reserved": last} if last != first else {})


def _element_cells() -> Iterator[tuple[str, str]]:
    for name, item in _declared():
        if item.descriptor is not None and item.descriptor.name == "varint":
            yield from ((name, f"{count} bytes") for count in VARINT_BYTES)
            continue
        if item.allowed is None:
            yield from ((name, column) for column in ("minimum", "maximum"))
            if item.maximum is not None:
                yield name, "first invalid"
            continue
        if len(item.allowed) <= MAX_VALUES:
            yield from ((name, f"value {value:d}") for value in item.allowed)
        else:
            yield from ((name, column) for column in ("minimum", "maximum"))
        if len(set(map(int, item.allowed))) <= (_largest(item) or 0):
            yield from ((name, column) for column in _illegal(item))


def _condition_cells() -> Iterator[tuple[str, str]]:
    for name, item in _declared():
        if item.present_if is not None:
            yield from ((name, column) for column in ("present", "absent"))


def _entropy_cells() -> Iterator[tuple[str, str]]:
    tables = load_residual_tables()
    for index in range(tables.skip_threshold, len(tables.tables.bounds)):
        yield f"residual table {index}", "coded"
    for index in range(len(load_model_set(MODEL_SET).tables["transform_matrices"]) + 1):
        yield f"block transform {index}", "coded"
    for zeros in range(MAX_ESCAPE_ZEROS + 1):
        yield f"escape with {zeros} leading zeros", "coded"


def _facts(case: Case) -> Iterator[str]:
    """Yield the names of the cells that a stream fills."""
    rows, _ = inspect_codestream(case.stream)
    if not case.is_valid:
        for requirement in case.manifest["invalid"]["requirements"]:
            yield f"{requirement} broken"
    declared, segment = dict(_declared()), list[ElementRow]()
    for row in rows:
        name = _name(row)
        if name == f"{FRAMING}.marker":
            yield from _conditions(segment, declared, is_valid=case.is_valid)
            segment = []
        segment.append(row)
        if name in declared and isinstance(row.value, int):
            yield from (f"{name} {c}" for c in _columns(row, declared[name], case.is_valid))
    yield from _conditions(segment, declared, is_valid=case.is_valid)
    if case.is_valid:
        yield from _decoding_facts(case)


def _name(row: ElementRow) -> str:
    element = re.sub(r"\[\d+\]", "", row.element)
    is_framing = element in {"marker", "payload_length"}
    return f"{FRAMING if is_framing else row.segment}.{element}"


def _columns(row: ElementRow, item: Element, is_valid: bool) -> Iterator[str]:  # noqa: FBT001
    value = int(row.value)
    if item.descriptor is not None and item.descriptor.name == "varint":
        if is_valid:
            yield f"{row.width // 8} bytes"
        return
    if not is_valid:
        if row.maximum is not None and value == row.maximum + 1:
            yield "first invalid"
        yield from (column for column, illegal in _illegal(item).items() if value == illegal)
        return
    if item.allowed is not None:
        yield f"value {value}"
        low, high = min(map(int, item.allowed)), max(map(int, item.allowed))
    else:
        low, high = 0, (1 << row.width) - 1 if row.maximum is None else row.maximum
    yield from (column for column, end in (("minimum", low), ("maximum", high)) if value == end)


def _conditions(
    segment: Sequence[ElementRow], declared: dict[str, Element], *, is_valid: bool
) -> Iterator[str]:
    """Yield which conditional elements a segment of a valid stream has, and which not."""
    there = {_name(row) for row in segment}
    prefixes = {FRAMING, *(row.segment for row in segment)} if is_valid and segment else set()
    for name, item in declared.items():
        if item.present_if is not None and name.partition(".")[0] in prefixes:
            yield f"{name} {'present' if name in there else 'absent'}"


def _decoding_facts(case: Case) -> Iterator[str]:
    coverage = case.manifest["valid"]["coverage"]
    yield from (f"residual table {index} coded" for index in numbers(coverage["tables"]))
    yield from (f"block transform {index} coded" for index in numbers(coverage["transforms"]))
    for zeros in numbers(coverage["escape_lengths"]):
        yield f"escape with {zeros} leading zeros coded"
    for name, ends in coverage["ranges"].items():
        yield from (f"{name} {end}" for end in ends)


def numbers(intervals: str) -> Iterator[int]:
    """Yield the integers of ``8-61 63``."""
    for interval in intervals.split():
        first, _, last = interval.partition("-")
        yield from range(int(first), int(last or first) + 1)


def coverage_page(cases: Sequence[Case]) -> str:
    """Return the matrix in Markdown."""
    tables = matrix(cases)
    lines = [_INTRODUCTION]
    for title, cells in tables.items():
        filled = sum(bool(cell.streams) for cell in cells)
        waived = sum(bool(cell.waiver) for cell in cells)
        lines += [
            f"## {title}",
            "",
            f"{len(cells)} cells: {filled} with streams, {waived} waived.",
            "",
            "| what | which | streams |",
            "|:--|:--|:--|",
            *(f"| {c.row} | {c.column} | {_cell_text(c)} |" for c in cells),
            "",
        ]
    return "\n".join(lines)


def _cell_text(cell: Cell) -> str:
    shown = ", ".join(f"`{name}`" for name in cell.streams[:MAX_SHOWN])
    more = f" and {len(cell.streams) - MAX_SHOWN} more" if len(cell.streams) > MAX_SHOWN else ""
    return f"{shown}{more}" if shown else f"waived: {cell.waiver}" if cell.waiver else "**none**"


_INTRODUCTION = """\
# Coverage of the conformance suite

What the declarations of the syntax, the index of requirements and the limits of the decoding
process say there is, and the golden streams that have it. Every cell has a stream or a waiver.

- *minimum*, *maximum*, *value*: legal values, in valid streams; *first invalid*, *last reserved*:
  illegal ones, in invalid streams.
- *present*, *absent*: a condition of the syntax, both ways, in valid streams.
- *broken*: the error code is the right answer to the stream.
- *coded*: a residual was coded with the table, or with an escape code of this length.
"""
