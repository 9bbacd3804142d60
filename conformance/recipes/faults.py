# SPDX-License-Identifier: Apache-2.0
"""Single faults: change one field of a sound stream and keep everything else."""

import re
from collections.abc import Callable

from conformance.recipes.recipe import Fault, Recipe
from refdec.syntax.framing import Segment
from refdec.syntax.parser import inspect_codestream, parse_codestream
from refenc.codestream import write_segment

Stream = Callable[[], bytes]


def invalid(
    name: str,
    purpose: str,
    *requirements: str,
    sound: Stream,
    broken: Stream,
    element: str,
    catches: str = "",
    by_verifying: bool = False,
    is_value: bool = False,
) -> Recipe:
    """Declare a stream with one fault.

    Parameters
    ----------
    requirements : those that the fault breaks; an error may name any of them.
    sound : the stream without the fault.
    broken : the stream with it.
    element : the field that is wrong.
    """
    return Recipe(
        id=f"invalid/{requirements[0].lower()}-{name}",
        purpose=purpose,
        catches=catches or f"{requirements[0]} not checked",
        build=broken,
        fault=Fault(
            requirements=requirements,
            element=element,
            sound=sound,
            is_value=is_value,
            by_verifying=by_verifying,
        ),
    )


def set_element(data: bytes, name: str, value: int, *, segment: str, occurrence: int = 0) -> bytes:
    """Overwrite the bits of one element; its name as `refdec inspect` prints it.

    Raises
    ------
    LookupError
        The stream has no such element.
    """
    rows = [
        row for row in inspect_codestream(data)[0] if row.element == name and row.segment == segment
    ]
    if len(rows) <= occurrence:
        message = f"{segment} has no element {name}"
        raise LookupError(message)
    row = rows[occurrence]
    shift = 8 * len(data) - row.bit_offset - row.width
    mask = (1 << row.width) - 1
    number = int.from_bytes(data, "big") & ~(mask << shift) | (value & mask) << shift
    return number.to_bytes(len(data), "big")


def element_fault(  # noqa: PLR0913
    requirement: str,
    name: str,
    value: int,
    *,
    segment: str,
    sound: Stream,
    occurrence: int = 0,
    also: tuple[str, ...] = (),
    purpose: str | None = None,
    label: str = "",
) -> Recipe:
    """Declare a stream in which one element of fixed width has a value that it shall not have."""
    plain_name = re.sub(r"[^a-z0-9]+", "-", name.rpartition(".")[2]).strip("-")
    return invalid(
        label or f"{plain_name}-{value}",
        purpose or f"{name} is {value}",
        requirement,
        *also,
        sound=sound,
        broken=lambda: set_element(sound(), name, value, segment=segment, occurrence=occurrence),
        element=f"{segment}.{name}",
        is_value=True,
    )


def segment_of(data: bytes, marker: int, occurrence: int = 0) -> Segment:
    """Return the place of a segment."""
    return [item for item in parse_codestream(data).segments if item.marker == marker][occurrence]


def segment_bytes(data: bytes, marker: int, occurrence: int = 0) -> bytes:
    """Return a whole segment."""
    place = segment_of(data, marker, occurrence)
    return data[place.offset : place.end]


def with_payload(
    data: bytes, marker: int, change: Callable[[bytes], bytes], occurrence: int = 0
) -> bytes:
    """Replace the payload of a segment and its length; the stream has no CRCs."""
    place = segment_of(data, marker, occurrence)
    payload = change(data[place.payload_offset : place.payload_end])
    return data[: place.offset] + write_segment(marker, payload) + data[place.end :]


def without(data: bytes, marker: int, occurrence: int = 0) -> bytes:
    """Remove a segment."""
    place = segment_of(data, marker, occurrence)
    return data[: place.offset] + data[place.end :]


def moved(data: bytes, place: tuple[int, int], *, before: tuple[int, int]) -> bytes:
    """Move one segment in front of another; each is a marker and an occurrence."""
    source, target = segment_of(data, *place), segment_of(data, *before).offset
    chosen, rest = data[source.offset : source.end], without(data, *place)
    target -= len(chosen) if target > source.offset else 0
    return rest[:target] + chosen + rest[target:]


def doubled(data: bytes, marker: int) -> bytes:
    """Repeat a segment."""
    end = segment_of(data, marker).end
    return data[:end] + segment_bytes(data, marker) + data[end:]


def flipped(data: bytes, bit: int) -> bytes:
    """Invert one bit, counted from the most significant bit of the first byte."""
    changed = bytearray(data)
    changed[bit >> 3] ^= 0x80 >> (bit & 7)
    return bytes(changed)


def end_of_elements(data: bytes, segment: str, element: str) -> int:
    """Return the bit after an element: where padding starts."""
    rows = inspect_codestream(data)[0]
    row = next(row for row in rows if row.segment == segment and row.element == element)
    return row.bit_offset + row.width
