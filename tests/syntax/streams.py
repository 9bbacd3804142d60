# SPDX-License-Identifier: Apache-2.0
"""Small codestreams to start from, and ways to put odd ones together."""

from dataclasses import replace
from typing import Any

from refdec.bits import BitWriter
from refdec.syntax.codestream import Codestream
from refdec.syntax.element import write_structure
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    AnimationHeader,
    DecodedPictureHash,
    FrameHeader,
    HyperLatentSegment,
    Marker,
    Metadata,
    PictureHash,
    ResidualSegment,
)
from refenc.codestream import write_segment, write_start

START = write_start()
END = write_segment(Marker.EOC)
SOZ = write_segment(Marker.SOZ, b"z")
SOR = write_segment(Marker.SOR, b"abc")
MTD = write_segment(Marker.MTD, b"\x05user")


def picture_header(**elements: Any) -> PictureHeader:
    """Return the header of a 64x48 picture with other elements as given."""
    defaults: dict[str, Any] = {
        "profile_idc": 2,
        "level_idc": 1,
        "model_set_idc": 3,
        "picture_size_bits_minus1": 5,
        "width_minus1": 63,
        "height_minus1": 47,
        "monochrome_flag": 0,
        "default_format_flag": 1,
        "quality_idx": 10,
        "log2_lanes": 0,
        "default_structure_flag": 1,
        "tool_header_flag": 0,
    }
    return PictureHeader(**(defaults | elements))


def large_header(**elements: Any) -> PictureHeader:
    """Return a header whose size elements have 16 bits."""
    return picture_header(picture_size_bits_minus1=15, **elements)


def payload_of(structure: Any, variables: dict[str, int] | None = None) -> bytes:
    """Return the bytes of a structure with its padding; nothing is checked."""
    writer = BitWriter()
    write_structure(structure, writer, variables=variables)
    writer.align()
    return writer.getvalue()


def segment_of(marker: Marker, structure: Any, variables: dict[str, int] | None = None) -> bytes:
    """Return a whole segment without CRC; nothing is checked."""
    return write_segment(marker, payload_of(structure, variables))


def header_segment(**elements: Any) -> bytes:
    """Return the PIH segment of `picture_header`."""
    return segment_of(Marker.PIH, picture_header(**elements))


def full_stream() -> Codestream:
    """Return a codestream with every kind of segment: 2 layers of 2 tiles, CRC and hashes."""
    return Codestream(
        picture_header=picture_header(
            picture_size_bits_minus1=6,
            width_minus1=99,
            height_minus1=63,
            default_structure_flag=0,
            tile_grid_flag=1,
            num_layers_minus1=1,
            layer_last_group=(2,),
            segment_crc_flag=1,
            tool_header_flag=1,
        ),
        tool_header=replace(
            DEFAULT_TOOL_HEADER, num_synthesis_minus1=1, synthesis_transform_idc=(1, 0)
        ),
        metadata=(Metadata(metadata_type=1, payload=b"icc"),),
        hyper_latent=HyperLatentSegment(payload=b"zz"),
        residual=tuple(
            ResidualSegment(layer_idx=layer, tile_idx=tile, payload=bytes([layer, tile]))
            for layer in range(2)
            for tile in range(2)
        ),
        trailing_metadata=(Metadata(metadata_type=3, payload=b"xmp"),),
        hashes=(picture_hash(0), picture_hash(1, 1)),
    )


def picture_hash(point: int = 0, transform: int = 0, reserved: int = 0) -> PictureHash:
    """Return a hash of zeros."""
    return PictureHash(
        hash_point_idc=point,
        synthesis_transform_idc=transform,
        reserved_zero_4bits=reserved,
        digest=bytes(32),
    )


PIH = header_segment()


def stream(*segments: bytes, header: bytes = PIH) -> bytes:
    return b"".join([START, header, *segments])


def tools(*transforms: int, count: int | None = None) -> bytes:
    header = header_segment(tool_header_flag=1)
    declared = len(transforms) - 1 if count is None else count
    toh = segment_of(
        Marker.TOH,
        replace(
            DEFAULT_TOOL_HEADER, num_synthesis_minus1=declared, synthesis_transform_idc=transforms
        ),
    )
    return stream(toh, SOZ, SOR, END, header=header)


def enhanced(*segments: bytes, elements: dict[str, int] | None = None, **header: object) -> bytes:
    tool_header = replace(
        DEFAULT_TOOL_HEADER,
        enhancement_flag=1,
        **({"base_flag": 0} | (elements or {})),
    )
    toh = segment_of(Marker.TOH, tool_header)
    return stream(toh, *segments, END, header=header_segment(tool_header_flag=1, **header))


def alpha(*segments: bytes, elements: dict[str, int] | None = None, **header: object) -> bytes:
    tool_header = replace(DEFAULT_TOOL_HEADER, alpha_flag=1, **(elements or {}))
    toh = segment_of(Marker.TOH, tool_header)
    return stream(toh, SOZ, *segments, END, header=header_segment(tool_header_flag=1, **header))


def frame(**elements: int) -> bytes:
    whole = {"frame_ticks": 1, "frame_quality_flag": 0, "whole_frame_flag": 1}
    part = {"frame_x": 0, "frame_y": 0, "frame_width_minus1": 9, "frame_height_minus1": 9}
    values = whole | (part if elements.get("whole_frame_flag") == 0 else {}) | elements
    return segment_of(Marker.FRH, FrameHeader(**values), {"picture_size_bits": 6}) + SOZ + SOR


def animation(*frames: bytes, profile_idc: int = 2, **elements: int) -> bytes:
    values = {"num_frames_minus1": 1, "ticks_per_second_minus1": 99, "loop_count": 0}
    ani = segment_of(Marker.ANI, AnimationHeader(**(values | elements)))
    return stream(ani, *frames, END, header=header_segment(profile_idc=profile_idc))


def hashes(*items: tuple[int, int, int], reserved: int = 0) -> bytes:
    dph = DecodedPictureHash(
        num_hashes_minus1=len(items) - 1,
        reserved_zero_4bits=reserved,
        hashes=tuple(picture_hash(*item) for item in items),
    )
    return stream(SOZ, SOR, segment_of(Marker.DPH, dph), END)


def with_header(**elements: object) -> bytes:
    return stream(SOZ, SOR, END, header=header_segment(**elements))


def with_large_header(**elements: object) -> bytes:
    header = segment_of(Marker.PIH, large_header(**elements))
    return stream(SOZ, SOR, END, header=header)


def residuals(*indices: tuple[int, int], **elements: object) -> bytes:
    # Values are below 3: ue(v) is 1, 010, 011.
    codes = ["1", "010", "011"]
    segments = []
    for layer_idx, tile_idx in indices:
        bits = (codes[layer_idx] + codes[tile_idx]).ljust(8, "0")
        segments.append(write_segment(Marker.SOR, bytes([int(bits, 2)])))
    return stream(SOZ, *segments, END, header=header_segment(**elements))
