# SPDX-License-Identifier: Apache-2.0
"""Split a codestream into segments."""

from dataclasses import dataclass

from refdec.bits import BitReader
from refdec.errors import MalformedStream, TruncatedStream
from refdec.syntax.crc32c import crc32c
from refdec.syntax.element import ElementRow, parse_structure
from refdec.syntax.segment import Marker, SegmentCheck, SegmentHeader

_NAMES = {int(marker): marker.name for marker in Marker}


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Where a segment lies in the codestream; offsets in bytes."""

    marker: int
    offset: int
    """First byte of the marker."""
    payload_offset: int
    payload_end: int
    end: int
    """First byte after the segment."""

    @property
    def name(self) -> str:
        """The marker's name, or its value for a reserved one."""
        return segment_name(self.marker)


def segment_name(marker: int) -> str:
    """Return the name of a marker, or its value in hexadecimal for one without a meaning."""
    return _NAMES.get(marker, f"{marker:04X}")


def parse_segment(
    data: bytes, offset: int, *, has_crc: bool, rows: list[ElementRow] | None = None
) -> Segment:
    """Find the end of the segment that starts at `offset` and check its CRC.

    The signature of SOC is left to be parsed as its payload.

    Raises
    ------
    TruncatedStream
        The codestream ends inside the segment (SEG-003).
    MalformedStream
        Unknown marker (SEG-001), bad length (BIT-003, BIT-004) or CRC mismatch (SEG-008).
    """
    reader = BitReader(data, offset)
    name = segment_name(int.from_bytes(data[offset : offset + 2], "big"))
    try:
        header = parse_structure(SegmentHeader, reader, segment=name, rows=rows)
    except TruncatedStream as error:
        error.requirement = "SEG-003"
        raise
    is_soc = header.marker == Marker.SOC
    payload_offset = reader.offset
    payload_end = payload_offset + (4 if is_soc else header.payload_length)
    with_crc = has_crc and header.marker != Marker.EOC
    segment = Segment(
        marker=header.marker,
        offset=offset,
        payload_offset=payload_offset,
        payload_end=payload_end,
        end=payload_end + (4 if with_crc else 0),
    )
    if segment.end > len(data):
        message = f"segment {name} needs {segment.end - len(data)} more bytes"
        element = "signature" if is_soc else "payload_length"
        raise TruncatedStream(message, requirement="SEG-003", element=element, offset=offset)
    if with_crc:
        _check_crc(data, segment, rows)
    return segment


def _check_crc(data: bytes, segment: Segment, rows: list[ElementRow] | None) -> None:
    reader = BitReader(data, segment.payload_end, segment.end)
    stored = parse_structure(SegmentCheck, reader, segment=segment.name, rows=rows).segment_crc
    computed = crc32c(data[segment.offset : segment.payload_end])
    if stored != computed:
        message = f"segment {segment.name} has CRC {computed:08X}, not {stored:08X}"
        raise MalformedStream(
            message, requirement="SEG-008", element="segment_crc", offset=segment.payload_end
        )
