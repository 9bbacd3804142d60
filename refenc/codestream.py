# SPDX-License-Identifier: Apache-2.0
"""Write codestreams: the inverse of `refdec.syntax.codestream`."""

from dataclasses import replace
from typing import Any

from refdec.bits import BitWriter
from refdec.syntax.codestream import Codestream, segment_variables
from refdec.syntax.crc32c import crc32c
from refdec.syntax.element import write_structure
from refdec.syntax.parser import parse_codestream
from refdec.syntax.profiles import Profile, profiles
from refdec.syntax.segment import (
    DecodedPictureHash,
    Marker,
    SegmentCheck,
    SegmentHeader,
    StartOfCodestream,
)


def in_profile(codestream: Codestream, profile: Profile | None) -> Codestream:
    """Declare a profile; None for the lowest one, Main or above, that has the stream's tools."""
    if profile is None:
        header, tools = codestream.picture_header, codestream.tools
        needs_high = (
            header.bit_depth > profiles()[Profile.MAIN].max_bit_depth
            or tools.enhancement_flag
            or tools.alpha_flag
            or codestream.animation is not None
        )
        profile = Profile.HIGH if needs_high else Profile.MAIN
    return replace(
        codestream,
        picture_header=replace(codestream.picture_header, profile_idc=profile),
        frames=tuple(in_profile(frame, profile) for frame in codestream.frames),
    )


def write_codestream(codestream: Codestream, *, check: bool = True) -> bytes:
    """Return the bytes of a codestream, and parse them to check that they say the same.

    Places and `is_complete` are not looked at; the picture headers of frames follow from their
    frame headers. `check=False` lets values through that break a requirement, to make streams
    that a decoder shall reject.

    Raises
    ------
    RefdecError
        The result would break a requirement.
    ValueError
        No codestream can say it.
    """
    header = codestream.picture_header
    parts = [write_start(), _segment(Marker.PIH, header, header)]
    parts += _segments(codestream, Marker.TOH, codestream.tool_header)
    parts += _segments(codestream, Marker.ANI, codestream.animation)
    parts += _segments(codestream, Marker.MTD, *codestream.metadata)
    for picture in codestream.frames or (codestream,):
        parts += _picture(picture)
    data = b"".join((*parts, write_segment(Marker.EOC)))
    if check and parse_codestream(data) != replace(codestream, is_complete=True):
        message = "an absent element differs from its inferred value"
        raise ValueError(message)
    return data


def _picture(picture: Codestream) -> list[bytes]:
    """Write the segments of a still or of one frame."""
    hashes = (
        DecodedPictureHash(num_hashes_minus1=len(picture.hashes) - 1, hashes=picture.hashes)
        if picture.hashes
        else None
    )
    return [
        *_segments(picture, Marker.FRH, picture.frame_header),
        *_segments(picture, Marker.SOQ, picture.quality_map),
        *_segments(picture, Marker.SOZ, picture.hyper_latent),
        *_segments(picture, Marker.SOR, *picture.residual),
        *_segments(picture, Marker.SOA, *picture.alpha),
        *_segments(picture, Marker.SOE, *picture.enhancement),
        *_segments(picture, Marker.MTD, *picture.trailing_metadata),
        *_segments(picture, Marker.DPH, hashes),
    ]


def _segments(codestream: Codestream, marker: Marker, *values: Any) -> list[bytes]:
    return [_segment(marker, v, codestream.picture_header) for v in values if v is not None]


def _segment(marker: Marker, value: Any, header: Any) -> bytes:
    writer = BitWriter()
    write_structure(value, writer, variables=segment_variables(header))
    writer.align()
    has_crc = header.segment_crc_flag == 1 and marker != Marker.PIH
    return write_segment(marker, writer.getvalue(), has_crc=has_crc)


def write_segment(marker: int, payload: bytes = b"", *, has_crc: bool = False) -> bytes:
    """Return one segment; `marker` may be reserved, `payload` is empty for EOC."""
    writer = BitWriter()
    length = 0 if marker in {Marker.SOC, Marker.EOC} else len(payload)
    write_structure(SegmentHeader(marker=marker, payload_length=length), writer)
    writer.write_bytes(payload)
    if has_crc:
        check = SegmentCheck(segment_crc=crc32c(writer.getvalue()))
        write_structure(check, writer)
    return writer.getvalue()


def write_start() -> bytes:
    """Return the SOC segment."""
    writer = BitWriter()
    write_structure(StartOfCodestream(), writer)
    return write_segment(Marker.SOC, writer.getvalue())
