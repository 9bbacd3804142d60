# SPDX-License-Identifier: Apache-2.0
"""Damage streams: bytes at random, one syntax element, or segments in sound frames."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

from refdec.errors import RefdecError
from refdec.syntax.crc32c import crc32c
from refdec.syntax.element import ElementRow
from refdec.syntax.framing import Segment
from refdec.syntax.parser import inspect_codestream, parse_codestream
from refdec.syntax.segment import Marker
from refenc.codestream import write_segment, write_start

CRC_BYTES = 4
MAX_CHUNK = 8
"""Most bytes that are taken away, repeated or moved at a time."""
SPECIAL_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
MAX_CHANGES = 3
MAX_ELEMENT_BITS = 64
"""Longer elements are payloads and digests, which the other ways change."""


class Anatomy(NamedTuple):
    """What is known of a stream."""

    rows: tuple[ElementRow, ...]
    """Its integers, up to its first error."""
    segments: tuple[Segment, ...]
    """Empty where the stream does not parse."""


class _Part(NamedTuple):
    """A segment without its frame."""

    marker: int
    payload: bytes
    has_crc: bool


@lru_cache(maxsize=1 << 10)
def anatomy(data: bytes) -> Anatomy:
    """Parse a stream that may be anything."""
    rows, _ = inspect_codestream(data)
    integers = (row for row in rows if isinstance(row.value, int))
    try:
        segments = parse_codestream(data).segments
    except RefdecError:
        segments = ()
    return Anatomy(tuple(row for row in integers if row.width <= MAX_ELEMENT_BITS), segments)


def damaged(data: bytes, others: Sequence[bytes], draw: Random) -> bytes:
    """Change a stream in one way, one to three times.

    Parameters
    ----------
    others : streams to take parts from; not empty.
    """
    change = draw.choice(CHANGES)
    for _ in range(draw.randint(1, MAX_CHANGES)):
        if data:
            data = change(data, draw.choice(others), draw)
    return data


def change_bytes(data: bytes, other: bytes, draw: Random) -> bytes:
    """Flip a bit, set a byte, take bytes away, repeat bytes, cut, or go on as another stream."""
    changed = bytearray(data)
    if not changed:
        return other[:MAX_CHUNK]
    place = draw.randrange(len(changed))
    some = slice(place, place + draw.randint(1, MAX_CHUNK))
    match draw.choice(["bit", "byte", "take", "repeat", "cut", "splice", "replace"]):
        case "bit":
            changed[place] ^= 1 << draw.randrange(8)
        case "byte":
            changed[place] = draw.choice(SPECIAL_BYTES)
        case "take":
            del changed[some]
        case "repeat":
            changed[place:place] = changed[some]
        case "cut":
            del changed[place:]
        case "splice":
            changed[place:] = other[draw.randrange(len(other) + 1) :]
        case "replace":
            changed[some] = other[place : place + draw.randint(1, MAX_CHUNK)]
    return bytes(changed)


def change_element(data: bytes, other: bytes, draw: Random) -> bytes:
    """Give one syntax element another value of the same length in bits, and renew all CRCs."""
    rows, segments = anatomy(data)
    if not rows:
        return change_bytes(data, other, draw)
    row = draw.choice(rows)
    top = (1 << row.width) - 1
    before = _bits_at(data, row)
    values = [0, 1, top, before + 1, before - 1, before ^ 1 << draw.randrange(row.width)]
    value = draw.choice([*values, draw.getrandbits(row.width)]) & top
    after = 8 * len(data) - row.bit_offset - row.width
    number = int.from_bytes(data, "big") ^ (before ^ value) << after
    return with_crcs(number.to_bytes(len(data), "big"), segments)


def _bits_at(data: bytes, row: ElementRow) -> int:
    """Return the bits of an element as an unsigned integer."""
    after = 8 * len(data) - row.bit_offset - row.width
    return int.from_bytes(data, "big") >> after & (1 << row.width) - 1


def with_crcs(data: bytes, segments: Sequence[Segment]) -> bytes:
    """Renew the CRC of each segment that has one; the segments lie where they lay."""
    renewed = bytearray(data)
    for segment in segments:
        if segment.end - segment.payload_end == CRC_BYTES:
            crc = crc32c(data[segment.offset : segment.payload_end])
            renewed[segment.payload_end : segment.end] = crc.to_bytes(CRC_BYTES, "big")
    return bytes(renewed)


def change_segments(data: bytes, other: bytes, draw: Random) -> bytes:
    """Change a payload, or take away, repeat, move or bring in a segment; the frames are sound."""
    parts = _parts(data)
    if not parts:
        return change_bytes(data, other, draw)
    place = draw.randrange(len(parts))
    marker, payload, has_crc = parts[place]
    match draw.choice(["payload", "payload", "payload", "take", "repeat", "move", "bring"]):
        case "payload":
            parts[place] = _Part(marker, change_bytes(payload, other, draw), has_crc)
        case "take":
            del parts[place]
        case "repeat":
            parts.insert(draw.randrange(len(parts) + 1), parts[place])
        case "move":
            parts.insert(draw.randrange(len(parts)), parts.pop(place))
        case "bring":
            brought = draw.choice(_parts(other) or parts)
            parts[place] = brought._replace(has_crc=has_crc)
    return _framed(parts)


def _parts(data: bytes) -> list[_Part]:
    """Split a stream into its segments but the first and the last; empty if it does not parse."""
    return [
        _Part(
            segment.marker,
            data[segment.payload_offset : segment.payload_end],
            segment.end != segment.payload_end,
        )
        for segment in anatomy(data).segments[1:-1]
    ]


def _framed(parts: Sequence[_Part]) -> bytes:
    """Put segments between the first and the last of a stream."""
    framed = (write_segment(part.marker, part.payload, has_crc=part.has_crc) for part in parts)
    return write_start() + b"".join(framed) + write_segment(Marker.EOC)


def without_bytes(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield a stream without some bytes, first in sound frames where it parses.

    Of segments that lie in the range nothing is left; of others the rest of the payload.
    """
    if parts := _parts(data):
        left = []
        for part, segment in zip(parts, anatomy(data).segments[1:-1], strict=True):
            if not (start <= segment.offset and segment.end <= end):
                first, last = (max(at - segment.payload_offset, 0) for at in (start, end))
                left.append(part._replace(payload=part.payload[:first] + part.payload[last:]))
        yield _framed(left)
    yield data[:start] + data[end:]


CHANGES: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    change_bytes,
    change_element,
    change_element,
    change_segments,
    change_segments,
)
"""Ways to change a stream with the help of another, as often as they stand here."""
