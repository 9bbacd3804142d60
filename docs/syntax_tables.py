# SPDX-License-Identifier: Apache-2.0
"""Views of the declarations: syntax tables in Markdown, and the syntax as JSON."""

import textwrap
from itertools import groupby
from typing import Any, TypeAlias

from docs.expressions import expression_text
from docs.syntax_requirements import STRUCTURES, syntax_requirements
from refdec.syntax.declaration import Element, elements_of, requirements_of
from refdec.syntax.descriptors import Descriptor
from refdec.syntax.order import SEGMENT_ORDER
from refdec.syntax.segment import RESERVED_MARKERS, Marker

_INDENT = "&emsp;"
_MAX_WIDTH = 64
"""Columns of a list of inferred values."""
_Line: TypeAlias = tuple[int, str, str, tuple[str, ...]]
"""Depth, syntax, descriptor and requirements of one line of a table."""


def descriptor_text(descriptor: Descriptor) -> str:
    """Return a descriptor as the tables print it: ``u(4)``, ``ue(v)``, ``b(256)``, ``varint``."""
    if descriptor.name == "varint":
        return descriptor.name
    size = "v" if descriptor.size is None else expression_text(descriptor.size)
    return f"{descriptor.name}({size})"


def syntax_table(structure: type) -> str:
    """Return the syntax table of one structure in Markdown: syntax, descriptor, requirements.

    Names in bold are read from the codestream; ``else`` gives the value of absent elements.
    """
    lines: list[_Line] = [(0, f"{STRUCTURES[structure]}( ) {{", "", ())]
    for condition, run in groupby(elements_of(structure), key=_condition):
        group = list(run)
        if condition:
            lines.append((1, f"if( {condition} ) {{", "", ()))
        for item in group:
            depth = 2 if condition else 1
            lines += _element_lines(item, depth, requirements_of(structure, item))
        if condition:
            lines.append((1, "}", "", ()))
            lines += _else_lines(group)
    lines.append((0, "}", "", ()))
    rows = [
        f"| {_INDENT * depth}{text} | {descriptor} | {', '.join(requirements)} |"
        for depth, text, descriptor, requirements in lines
    ]
    return "\n".join(["| Syntax | Descriptor | Requirements |", "|:--|:--|:--|", *rows]) + "\n"


def _else_lines(group: list[Element]) -> list[_Line]:
    """Give the values of absent elements; long lists go on in indented lines."""
    values = [f"{item.name} = {item.inferred}" for item in group if item.inferred != ()]
    wrapped = textwrap.wrap(f"else {'; '.join(values)}", _MAX_WIDTH) if values else []
    return [(1 if number == 0 else 2, text, "", ()) for number, text in enumerate(wrapped)]


def _condition(item: Element) -> str:
    return "" if item.present_if is None else expression_text(item.present_if)


def _element_lines(item: Element, depth: int, requirements: tuple[str, ...]) -> list[_Line]:
    lines: list[_Line] = []
    index = ""
    if item.count is not None:
        limit = expression_text(item.count)
        lines.append((depth, f"for( i = 0; i < {limit}; i++ )", "", ()))
        depth, index = depth + 1, "[ i ]"
    if item.descriptor is None:
        name = STRUCTURES[item.structure] if item.structure else ""
        return [*lines, (depth, f"{name}( ) &rarr; {item.name}{index}", "", requirements)]
    if item.descriptor.aligned:
        lines.append((depth, "byte_alignment( )", "", ()))
    text = descriptor_text(item.descriptor)
    return [*lines, (depth, f"**{item.name}**{index}", text, requirements)]


def syntax_json() -> dict[str, Any]:
    """Return the whole syntax as JSON values: markers, order, structures, requirements."""
    return {
        "markers": {marker.name: int(marker) for marker in Marker},
        "reserved_markers": [RESERVED_MARKERS[0], RESERVED_MARKERS[-1]],
        "order": [
            {
                "marker": slot.marker.name,
                "required": slot.required,
                "repeated": slot.repeated,
                "of": slot.of,
            }
            for slot in SEGMENT_ORDER
        ],
        "structures": {
            name: [_element_json(structure, item) for item in elements_of(structure)]
            for structure, name in STRUCTURES.items()
        },
        "requirements": syntax_requirements(),
    }


def _element_json(structure: type, item: Element) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": item.name,
        "descriptor": descriptor_text(item.descriptor) if item.descriptor else None,
        "structure": STRUCTURES[item.structure] if item.structure else None,
        "summary": item.summary,
        "allowed": None if item.allowed is None else sorted(map(int, item.allowed)),
        "maximum": None if item.maximum is None else expression_text(item.maximum),
        "count": None if item.count is None else expression_text(item.count),
        "present_if": _condition(item) or None,
        "inferred": list(item.inferred) if isinstance(item.inferred, tuple) else item.inferred,
        "requirements": list(requirements_of(structure, item)),
    }
    return {key: value for key, value in entry.items() if value not in (None, [])}
