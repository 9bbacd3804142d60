# SPDX-License-Identifier: Apache-2.0
"""Parser and writer of the declared structures, as construct graphs.

This is the only file that imports construct. The graph of a structure runs on the bit cursor of
`refdec.bits`, so that every error and every row knows its exact bit position.

In a declaration, `this.name` is an element read earlier in the same structure; `given.name` is a
variable derived from other segments, which the caller passes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from construct import Adapter, Array, Computed, Construct, ConstructError, IfThenElse, Struct, this

from refdec.bits import BitReader, BitWriter
from refdec.errors import RefdecError
from refdec.syntax.declaration import (
    Element,
    check_constraints,
    element,
    elements_of,
    nested,
    requirements_of,
)
from refdec.syntax.descriptors import Descriptor, evaluate

__all__ = [
    "ElementRow",
    "element",
    "given",
    "nested",
    "parse_structure",
    "this",
    "write_structure",
]

_S = TypeVar("_S")

given = this._params


@dataclass(frozen=True)
class ElementRow:
    """One parsed element as `refdec inspect` shows it."""

    segment: str
    element: str
    bit_offset: int
    width: int
    value: int | bytes
    requirements: tuple[str, ...]
    maximum: int | None = None
    """The largest legal value, where the declaration has one."""


@dataclass
class _Trace:
    """Where a parse is: for rows, and for the offset of a broken constraint."""

    segment: str
    rows: list[ElementRow] | None
    prefix: str = ""
    offsets: dict[str, int] = field(default_factory=dict)


class _ElementCodec(Construct):
    """Run one descriptor on the bit cursor, check the value, leave a row."""

    def __init__(
        self, declared: Element, descriptor: Descriptor, requirements: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.declared = declared
        self.descriptor = descriptor
        self.requirements = requirements

    def _parse(self, stream: BitReader, context: Any, path: str) -> int | bytes:  # noqa: ARG002
        declared = self.declared
        trace: _Trace = context._params.trace
        try:
            if self.descriptor.aligned:
                stream.align()
            start = stream.position
            value = self.descriptor.read(stream, evaluate(self.descriptor.size, context))
        except RefdecError as error:
            error.element = declared.name
            raise
        trace.offsets[declared.name] = start >> 3
        if trace.rows is not None:
            index = "" if declared.count is None else f"[{context._index}]"
            name, width = f"{trace.prefix}{declared.name}{index}", stream.position - start
            maximum = evaluate(declared.maximum, context)
            trace.rows.append(
                ElementRow(trace.segment, name, start, width, value, self.requirements, maximum)
            )
        if isinstance(value, int):
            declared.check(value, context, start >> 3)
        return value

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> Any:  # noqa: ARG002
        if self.descriptor.aligned:
            stream.align()
        self.descriptor.write(stream, obj, evaluate(self.descriptor.size, context))
        return obj


class _StructureCodec(Adapter):
    """Turn construct's container into the dataclass and check its constraints, and back."""

    def __init__(self, structure: type, subcon: Construct, label: str) -> None:
        super().__init__(subcon)
        self.structure = structure
        self.label = label

    def _parse(self, stream: BitReader, context: Any, path: str) -> Any:
        trace: _Trace = context._params.trace
        if self.label:
            trace.prefix = f"{self.label}[{context._index}]."
            trace.offsets.setdefault(self.label, stream.offset)
        values = self.subcon._parsereport(stream, context, path)
        trace.prefix = ""
        parsed = self.structure(
            **{
                item.name: values[item.name] if item.count is None else tuple(values[item.name])
                for item in elements_of(self.structure)
            }
        )
        check_constraints(parsed, trace.offsets)
        return parsed

    def _encode(self, obj: Any, context: Any, path: str) -> dict[str, Any]:  # noqa: ARG002
        return {item.name: getattr(obj, item.name) for item in elements_of(self.structure)}


@cache
def _graph(structure: type, label: str = "") -> Construct:
    """Build the construct graph of a structure; `label` is its name inside an outer one."""
    graph = []
    for item in elements_of(structure):
        codec = (
            _graph(item.structure, item.name)
            if item.descriptor is None
            else _ElementCodec(item, item.descriptor, requirements_of(structure, item))
        )
        if item.count is not None:
            codec = Array(item.count, codec)
        if item.present_if is not None:
            codec = IfThenElse(item.present_if, codec, Computed(item.inferred))
        graph.append(item.name / codec)
    return _StructureCodec(structure, Struct(*graph), label)


def parse_structure(
    structure: type[_S],
    reader: BitReader,
    *,
    segment: str,
    variables: Mapping[str, int] | None = None,
    rows: list[ElementRow] | None = None,
) -> _S:
    """Parse one structure at the reader's position.

    Parameters
    ----------
    structure : a dataclass of declarations.
    reader : bit cursor, advanced past the structure.
    segment : name of the segment, for the rows.
    variables : what `given` stands for in the declarations.
    rows : receives one row per element read, also when an error follows.

    Raises
    ------
    RefdecError
        With the requirement, the element and its byte offset.
    """
    trace = _Trace(segment, rows)
    kind: type = structure
    parsed: _S = _graph(kind).parse_stream(reader, trace=trace, **(variables or {}))
    return parsed


def write_structure(
    value: Any, writer: BitWriter, *, variables: Mapping[str, int] | None = None
) -> None:
    """Write one structure without checking its values.

    Raises
    ------
    ValueError
        A value does not fit its descriptor, or an array has the wrong length.
    """
    kind: type = type(value)
    try:
        _graph(kind).build_stream(value, writer, **(variables or {}))
    except ConstructError as error:
        raise ValueError(str(error)) from error
