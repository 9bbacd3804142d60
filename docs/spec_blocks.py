# SPDX-License-Identifier: Apache-2.0
"""Rewrite the generated blocks of the specification from the code and the normative data.

usage: python -m docs.spec_blocks [--check]

A block stands between ``<!-- generated: NAME -->`` and ``<!-- end generated -->``. With --check
nothing is written; the exit status is 1 if a block is stale.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields

from docs.code_facts import error_classes, module_of, requirement_errors, sources
from docs.model_blocks import (
    hyper_tables_block,
    model_set_block,
    model_sets_block,
    model_tensors_block,
    networks_block,
    residual_tables_block,
)
from docs.spec_text import (
    block_names,
    clauses,
    fill_blocks,
    spec_files,
    statements,
)
from docs.syntax_requirements import STRUCTURES
from docs.syntax_tables import syntax_table
from docs.table import table
from refdec.cli import support
from refdec.network.layers import LAYERS, Layer
from refdec.syntax.order import SEGMENT_ORDER
from refdec.syntax.profiles import Profile, levels, profiles
from refdec.syntax.segment import RESERVED_MARKERS, Marker
from refdec.synthesis.colour import MATRICES


def constants() -> dict[str, int]:
    """Return every integer constant of the decoder that has a name in capitals."""
    found: dict[str, int] = {}
    for file in sources():
        if "cli" in file or "__" in file or file.endswith("torch_backend.py"):
            continue
        for name, value in vars(module_of(file)).items():
            is_constant = re.fullmatch(r"[A-Z][A-Z\d_]+", name) and type(value) is int
            if is_constant and found.setdefault(name, value) != value:
                message = f"constant {name} has two values"
                raise ValueError(message)
    return found


def constants_block() -> str:
    """List the constants that the text uses."""
    rows = []
    for name, value in sorted(constants().items()):
        used = [
            clause.link
            for clause in clauses().values()
            if re.search(rf"\b{name}\b", clause.own_text)
        ]
        if used:
            rows.append((f"`{name}`", _number(value), ", ".join(used)))
    return table(("Constant", "Value", "Used in"), rows)


def _number(value: int) -> str:
    if value > 1 << 24:
        return f"0x{value:X}"
    is_power = value >= 1 << 12 and value & (value - 1) == 0
    return f"{value} (2^{value.bit_length() - 1})" if is_power else str(value)


def markers_block() -> str:
    """List the markers."""
    rows = [(f"{marker:04X}", marker.name) for marker in sorted(Marker)]
    first, last = RESERVED_MARKERS[0], RESERVED_MARKERS[-1]
    rows.append((f"{first:04X} to {last:04X}", "reserved, skipped"))
    return table(("Marker", "Name"), rows)


_WHERE = {
    "": "every codestream",
    "base": "pictures with `base_flag` 1",
    "animation": "animations, first of each frame",
}


def order_block() -> str:
    """List the segments in order."""
    counts = {(True, False): "1", (False, False): "0 or 1", (False, True): "0 or more"}
    return table(
        ("Place", "Segment", "Number", "In"),
        [
            (str(place), slot.marker.name, counts[slot.required, slot.repeated], _WHERE[slot.of])
            for place, slot in enumerate(SEGMENT_ORDER)
        ],
    )


def element_index_block() -> str:
    """List every element that a syntax table of clause 6 shows."""
    rows = []
    for clause in clauses().values():
        semantics = clauses().get(f"7{clause.number[1:]}")
        if not clause.number.startswith("6.") or semantics is None:
            continue
        cells = re.findall(
            r"^\| (?:&emsp;)*\*\*(\w+)\*\*\S*(?: \[ \w+ \])? \| ([^|]+) \| ([^|]*) \|$",
            clause.text,
            re.MULTILINE,
        )
        rows += [
            (f"`{name}`", descriptor, clause.link, semantics.link, requirements)
            for name, descriptor, requirements in cells
        ]
    rows.sort(key=lambda row: row[0])
    return table(("Element", "Descriptor", "Syntax", "Semantics", "Requirements"), rows)


def profiles_block() -> str:
    """List the profiles."""
    names = [item.name for item in fields(next(iter(profiles().values())))]
    return table(
        (names[0], "Profile", *names[1:]),
        [
            (str(idc), Profile(idc).name.capitalize(), *(str(getattr(tools, n)) for n in names[1:]))
            for idc, tools in profiles().items()
        ],
    )


def levels_block() -> str:
    """List the limits of the levels."""
    names = [item.name for item in fields(next(iter(levels().values())))]
    return table(
        names,
        [tuple(f"{getattr(level, name):,}" for name in names) for level in levels().values()],
    )


def colour_block() -> str:
    """List the colour matrices."""
    return table(
        ("matrix_coefficients", *(f"`{name}_{of}`" for name in "rgb" for of in ("y", "cb", "cr"))),
        [
            (str(idc), *(str(factor) for row in rows for factor in row))
            for idc, rows in sorted(MATRICES.items())
        ],
    )


def errors_block() -> str:
    """List the error classes."""
    rows = []
    for kind in error_classes():
        depth = len(kind.__mro__) - len(error_classes()[0].__mro__)
        summary = (kind.__doc__ or "").splitlines()[0]
        rows.append((f"{'&emsp;' * depth}{kind.__name__}", str(kind.exit_code), summary))
    return table(("Class", "Exit status", "Meaning"), rows)


def exit_block() -> str:
    """List the exit statuses of the command line."""
    rows = [(0, "success"), (support.EXIT_USAGE, "wrong usage")]
    for status in sorted({kind.exit_code for kind in error_classes()}):
        kinds = [
            kind.__name__
            for kind in error_classes()
            if kind.exit_code == status and not kind.__subclasses__()
        ]
        also = "; a file cannot be read or written" if status == support.EXIT_FILES else ""
        rows.append((status, ", ".join(kinds) + also))
    rows.append((support.EXIT_BUG, "a fault of the program itself"))
    return table(("Exit status", "Cause"), [(str(status), cause) for status, cause in rows])


def requirements_block() -> str:
    """List every requirement with its statement, clause and error."""
    kinds = requirement_errors()
    return table(
        ("Identifier", "Requirement", "Clause", "Error"),
        [
            (item.requirement, item.sentence, item.clause.link, ", ".join(kinds[item.requirement]))
            for item in sorted(statements(), key=lambda item: item.requirement)
        ],
    )


def operations_block() -> str:
    """List the parameters of every layer operation."""
    common = {item.name for item in fields(Layer)}
    rows = []
    for op, kind in LAYERS.items():
        parameters = []
        for item in fields(kind):
            if item.name in common:
                continue
            bounds = item.metadata.get("bounds")
            what = f" {bounds[0]} to {bounds[1]}" if bounds else ""
            default = "" if item.default is MISSING else f", {item.default} if absent"
            parameters.append(f"`{item.name}`{what}{default}")
        least, most = kind.arity
        inputs = str(least) if least == most else f"{least} to {most}"
        rows.append((f"`{op}`", inputs, "; ".join(parameters)))
    return table(("Operation", "Inputs", "Parameters"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "constants": constants_block,
    "markers": markers_block,
    "segment order": order_block,
    **{
        f"syntax {name}": lambda structure=structure: syntax_table(structure)  # type: ignore[misc]
        for structure, name in STRUCTURES.items()
    },
    "element index": element_index_block,
    "residual tables": residual_tables_block,
    "colour matrices": colour_block,
    "operations": operations_block,
    "profiles": profiles_block,
    "levels": levels_block,
    "error classes": errors_block,
    "exit statuses": exit_block,
    "requirement index": requirements_block,
    "model sets": model_sets_block,
    "model set 3": model_set_block,
    "model set 3 tensors": model_tensors_block,
    "model set 3 hyper tables": hyper_tables_block,
    "model set 3 networks": networks_block,
}
"""Every generated block by name; each stands in the specification exactly once."""


def rewrite(*, check: bool) -> list[str]:
    """Make all blocks anew and return the names of the files that differ.

    Raises
    ------
    ValueError
        A block is shown twice or not at all.
    """
    stale: list[str] = []
    texts = {path: path.read_text(encoding="utf-8") for path in spec_files()}
    check_coverage(name for text in texts.values() for name in block_names(text))
    for path, text in texts.items():
        made = fill_blocks(text, lambda name: BLOCKS[name]())
        if made != text:
            stale.append(path.name)
            if not check:
                path.write_text(made, encoding="utf-8")
    return stale


def check_coverage(names: Iterable[str]) -> None:
    """Raise ValueError unless the names are those of BLOCKS, each once."""
    shown = sorted(names)
    if shown != sorted(BLOCKS):
        wrong = {name for name in {*shown, *BLOCKS} if shown.count(name) != (name in BLOCKS)}
        message = f"generated blocks shown twice, never, or unknown: {sorted(wrong)}"
        raise ValueError(message)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Rewrite the generated blocks of spec/*.md.")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if stale")
    check = parser.parse_args().check
    stale = rewrite(check=check)
    # The indexes read the tables of other blocks: a second pass sees the first one's.
    if stale and not check:
        clauses.cache_clear()
        statements.cache_clear()
        rewrite(check=False)
    for name in stale:
        sys.stdout.write(f"spec/{name}: {'stale' if check else 'rewritten'}\n")
    return int(bool(stale) and check)


if __name__ == "__main__":
    raise SystemExit(main())
