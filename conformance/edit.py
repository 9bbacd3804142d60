# SPDX-License-Identifier: Apache-2.0
"""Add hashes, tools and reserved segments to codestreams."""

from dataclasses import replace

from refdec.decoding import decode, decode_latents
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    HashPoint,
    Marker,
    PictureHash,
    SynthesisTransform,
)
from refenc.codestream import write_codestream, write_segment

LATENTS = (HashPoint.LATENTS, SynthesisTransform.SIMPLE)
SIMPLE = (HashPoint.SAMPLES, SynthesisTransform.SIMPLE)
BASE = (HashPoint.SAMPLES, SynthesisTransform.BASE)


def with_hashes(
    codestream: Codestream,
    points: tuple[tuple[HashPoint, SynthesisTransform], ...] = (LATENTS, SIMPLE, BASE),
) -> Codestream:
    """Add the digests of these points, in this order."""
    data = write_codestream(replace(codestream, hashes=()))
    digests = {
        LATENTS: lambda: decode_latents(data).digest(),
        SIMPLE: lambda: decode(data, synthesis="simple").digest(),
        BASE: lambda: decode(data, synthesis="base").digest(),
    }
    return replace(
        codestream,
        hashes=tuple(
            PictureHash(
                hash_point_idc=point[0],
                synthesis_transform_idc=point[1],
                reserved_zero_4bits=0,
                digest=bytes.fromhex(digests[point]()),
            )
            for point in points
        ),
    )


def with_tools(codestream: Codestream, *transforms: int) -> Codestream:
    """Add a tool header that recommends these transforms."""
    tools = replace(
        DEFAULT_TOOL_HEADER,
        num_synthesis_minus1=len(transforms) - 1,
        synthesis_transform_idc=transforms,
    )
    announced = replace(codestream.picture_header, tool_header_flag=1)
    return replace(codestream, picture_header=announced, tool_header=tools)


def insert_segments(data: bytes, *, before: Marker, inserted: bytes) -> bytes:
    """Put whole segments in front of the first segment with a marker."""
    segments = parse_codestream(data).segments
    offset = next(segment.offset for segment in segments if segment.marker == before)
    return data[:offset] + inserted + data[offset:]


def reserved_segment(marker: int, payload: bytes = b"", *, has_crc: bool = False) -> bytes:
    """Return a segment that a decoder skips."""
    return write_segment(marker, payload, has_crc=has_crc)
