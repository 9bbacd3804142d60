# SPDX-License-Identifier: Apache-2.0
"""The descriptors of the syntax tables: how one element is coded, in both directions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from refdec.bits import BitReader, BitWriter


def evaluate(expression: Any, context: Mapping[str, Any]) -> Any:
    """Return the value of an expression of a declaration; anything else stands for itself."""
    return expression(context) if callable(expression) else expression


@dataclass(frozen=True)
class Descriptor:
    """A way to code a value; `size` is a number of bits, an expression, or None for open ended."""

    name: str
    size: Any
    read: Callable[[BitReader, int], int | bytes]
    write: Callable[[BitWriter, Any, int], None]
    aligned: bool = False
    """Zero bits up to a byte boundary come first."""


def u(size: Any) -> Descriptor:
    """Unsigned integer of `size` bits, most significant bit first."""
    return Descriptor("u", size, BitReader.read_bits, BitWriter.write_bits)


def ue() -> Descriptor:
    """Unsigned Exp-Golomb code of order 0."""
    return Descriptor(
        "ue",
        None,
        lambda reader, _: reader.read_ue(),
        lambda writer, value, _: writer.write_ue(value),
    )


def varint() -> Descriptor:
    """Unsigned integer in groups of 7 bits, minimal form."""
    return Descriptor(
        "varint",
        None,
        lambda reader, _: reader.read_varint(),
        lambda writer, value, _: writer.write_varint(value),
    )


def b(size: int) -> Descriptor:
    """Byte string of `size` bits, a multiple of 8, at a byte boundary."""
    return Descriptor(
        "b",
        size,
        lambda reader, bits: reader.read_bytes(bits // 8),
        lambda writer, value, _: writer.write_bytes(value),
    )


def rest() -> Descriptor:
    """Byte string from the next byte boundary up to the end of the segment."""
    return Descriptor(
        "b",
        None,
        lambda reader, _: reader.read_bytes((reader.end - reader.position) // 8),
        lambda writer, value, _: writer.write_bytes(value),
        aligned=True,
    )
