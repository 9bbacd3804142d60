# SPDX-License-Identifier: Apache-2.0
"""Every requirement on the syntax is broken at least once, and the error names it."""

from collections.abc import Callable

import pytest

from docs.syntax_requirements import syntax_requirements
from refdec.errors import (
    ConstraintViolation,
    MalformedStream,
    NonConforming,
    RefdecError,
    TruncatedStream,
    UnsupportedFeature,
)
from refdec.syntax.parser import MAX_METADATA, MAX_SKIPPABLE, parse_codestream
from refdec.syntax.segment import (
    MAX_FRAME_TICKS,
    MAX_FRAMES,
    MAX_LOOPS,
    MAX_TICKS,
    Marker,
)
from refenc.codestream import write_segment
from tests.syntax.streams import (
    END,
    MTD,
    PIH,
    SOR,
    SOZ,
    START,
    alpha,
    animation,
    enhanced,
    frame,
    hashes,
    header_segment,
    payload_of,
    picture_header,
    residuals,
    stream,
    tools,
    with_header,
    with_large_header,
)

FORMAT = {"default_format_flag": 0}
STRUCTURE = {"default_structure_flag": 0}
TILES = {"picture_size_bits_minus1": 6, "width_minus1": 99, "tile_grid_flag": 1} | STRUCTURE
LAYERS = {"num_layers_minus1": 1, "layer_last_group": (0,)} | STRUCTURE
RESERVED = write_segment(0xFFA0)


SOE = write_segment(Marker.SOE, b"abc")
SOA = write_segment(Marker.SOA, b"abc")
SOA_TILES = [write_segment(Marker.SOA, bytes([bits])) for bits in (0b10000000, 0b01000000)]
SOR_TILES = [write_segment(Marker.SOR, bytes([bits])) for bits in (0b11000000, 0b10100000)]
SOE_TILES = [write_segment(Marker.SOE, bytes([bits])) for bits in (0b10000000, 0b01000000)]
PAYLOAD = payload_of(picture_header())
ICC = write_segment(Marker.MTD, b"\x01")

CASES: dict[str, list[tuple[type[RefdecError], Callable[[], bytes]]]] = {
    "BIT-001": [
        (TruncatedStream, lambda: stream(header=write_segment(Marker.PIH, PAYLOAD[:-1]))),
        (TruncatedStream, lambda: stream(write_segment(Marker.MTD))),
    ],
    "BIT-002": [
        (
            MalformedStream,
            lambda: stream(
                SOZ, write_segment(Marker.SOR, bytes(8)), header=header_segment(**LAYERS)
            ),
        )
    ],
    "BIT-003": [(MalformedStream, lambda: stream(b"\xff\x88\x81\x80\x80\x80\x00"))],
    "BIT-004": [(MalformedStream, lambda: stream(b"\xff\x88\x80\x01z"))],
    "BIT-005": [
        (
            MalformedStream,
            lambda: stream(
                header=write_segment(Marker.PIH, PAYLOAD[:-1] + bytes([PAYLOAD[-1] | 1]))
            ),
        )
    ],
    "SOC-001": [
        (MalformedStream, lambda: b"\xff\xd8\xff\xe0"),
        (MalformedStream, lambda: START[1:]),
        (MalformedStream, lambda: PIH),
    ],
    "SOC-002": [(MalformedStream, lambda: START[:2] + b"J\n\x1a\x00")],
    "EOC-001": [(TruncatedStream, lambda: stream(SOZ, SOR))],
    "EOC-002": [
        (MalformedStream, lambda: stream(SOZ, SOR, END, b"\0")),
        (MalformedStream, lambda: stream(SOZ, SOR, END, END)),
    ],
    "SEG-001": [
        (MalformedStream, lambda: stream(b"\xff\xc0\x00")),
        (MalformedStream, lambda: stream(SOZ, SOR, b"\0\0\0", END)),
    ],
    "SEG-003": [
        (TruncatedStream, lambda: b""),
        (TruncatedStream, lambda: stream(SOZ[:-1])),
        (TruncatedStream, lambda: stream(SOZ, b"\xff")),
    ],
    "SEG-004": [
        (MalformedStream, lambda: stream(header=write_segment(Marker.PIH, PAYLOAD + b"\0"))),
    ],
    "SEG-005": [
        (MalformedStream, lambda: stream(SOZ, SOR, MTD, SOR, END)),
        (MalformedStream, lambda: hashes((0, 0, 0))[:-2] + MTD + END),
        (MalformedStream, lambda: stream(MTD, tools(1)[len(START + PIH) : -len(SOZ)])),
    ],
    "SEG-006": [
        (MalformedStream, lambda: stream(PIH, SOZ, SOR, END)),
        (MalformedStream, lambda: stream(START, SOZ, SOR, END)),
        (MalformedStream, lambda: stream(SOZ, SOZ, SOR, END)),
        (
            MalformedStream,
            lambda: hashes((0, 0, 0))[:-2] + hashes((0, 0, 0))[len(stream(SOZ, SOR)) :],
        ),
    ],
    "SEG-007": [
        (MalformedStream, lambda: START + SOZ + SOR + END),
        (MalformedStream, lambda: START + RESERVED + PIH),
        (MalformedStream, lambda: stream(SOR, END)),
        (MalformedStream, lambda: stream(END)),
    ],
    "SEG-008": [
        (
            MalformedStream,
            lambda: stream(SOZ, bytes(4), header=header_segment(segment_crc_flag=1, **STRUCTURE)),
        )
    ],
    "SEG-009": [
        (MalformedStream, lambda: stream(*[RESERVED] * MAX_SKIPPABLE, MTD, SOZ, SOR, END)),
    ],
    "TOH-001": [
        (ConstraintViolation, lambda: with_header(tool_header_flag=1)),
        (ConstraintViolation, lambda: stream(tools(1)[len(START + PIH) :])),
    ],
    "TOH-002": [(MalformedStream, lambda: tools(0, 1, 2, 0))],
    "TOH-003": [(MalformedStream, lambda: tools(3))],
    "TOH-004": [(ConstraintViolation, lambda: tools(1, 1))],
    "MTD-001": [
        (ConstraintViolation, lambda: stream(ICC, ICC, SOZ, SOR, END)),
        (ConstraintViolation, lambda: stream(ICC, SOZ, SOR, ICC, END)),
    ],
    "SOR-001": [(MalformedStream, lambda: residuals((2, 0), **LAYERS))],
    "SOR-002": [(MalformedStream, lambda: residuals((0, 2), **TILES))],
    "SOR-003": [
        (ConstraintViolation, lambda: residuals((0, 0), (0, 0), **TILES)),
        (ConstraintViolation, lambda: residuals((1, 0), (0, 0), **LAYERS)),
        (ConstraintViolation, lambda: stream(SOZ, SOR, SOR, END)),
    ],
    "SOR-004": [
        (MalformedStream, lambda: residuals((0, 0), **TILES)),
        (MalformedStream, lambda: stream(SOZ, END)),
    ],
    "SOQ-001": [(MalformedStream, lambda: stream(write_segment(Marker.SOQ, bytes([80 << 1]))))],
    "SOQ-002": [(MalformedStream, lambda: stream(write_segment(Marker.SOQ, b"\x01")))],
    "DPH-002": [(MalformedStream, lambda: hashes((1, 3, 0)))],
    "DPH-003": [
        (MalformedStream, lambda: hashes((0, 0, 1))),
        (MalformedStream, lambda: hashes((0, 0, 0), reserved=8)),
    ],
    "DPH-004": [(ConstraintViolation, lambda: hashes((0, 1, 0)))],
    "DPH-005": [(ConstraintViolation, lambda: hashes((1, 1, 0), (1, 1, 0)))],
    "MTD-002": [
        (
            NonConforming,
            lambda: stream(write_segment(Marker.MTD, b"\x05" + bytes(MAX_METADATA + 1))),
        )
    ],
    "PIH-001": [(UnsupportedFeature, lambda: with_header(profile_idc=3))],
    "PIH-002": [
        (UnsupportedFeature, lambda: with_header(level_idc=0)),
        (UnsupportedFeature, lambda: with_header(level_idc=7)),
    ],
    "PIH-003": [(UnsupportedFeature, lambda: with_header(model_set_idc=0))],
    "PIH-004": [(MalformedStream, lambda: with_header(bit_depth_minus8=9, **FORMAT))],
    "PIH-005": [(MalformedStream, lambda: with_header(chroma_format_idc=3, **FORMAT))],
    "PIH-006": [(MalformedStream, lambda: with_header(colour_primaries=3, **FORMAT))],
    "PIH-007": [(MalformedStream, lambda: with_header(transfer_characteristics=0, **FORMAT))],
    "PIH-008": [(MalformedStream, lambda: with_header(matrix_coefficients=3, **FORMAT))],
    "PIH-009": [(MalformedStream, lambda: with_header(log2_lanes=11))],
    "PIH-010": [(MalformedStream, lambda: with_header(extension_flag=1))],
    "PIH-011": [(ConstraintViolation, lambda: with_header(sample_float_flag=1, **FORMAT))],
    "PIH-012": [
        (
            ConstraintViolation,
            lambda: with_header(monochrome_flag=1, chroma_format_idc=2, ycc_flag=1, **FORMAT),
        )
    ],
    "PIH-013": [
        (
            ConstraintViolation,
            lambda: with_header(matrix_coefficients=0, chroma_format_idc=1, ycc_flag=1, **FORMAT),
        )
    ],
    "PIH-017": [
        (ConstraintViolation, lambda: with_header(chroma_format_idc=1, **FORMAT)),
        (ConstraintViolation, lambda: with_header(monochrome_flag=1, ycc_flag=1, **FORMAT)),
    ],
    "PIH-014": [
        (
            ConstraintViolation,
            lambda last=last: with_header(num_layers_minus1=2, layer_last_group=last, **STRUCTURE),
        )
        for last in ((1, 1), (2, 1))
    ],
    "PRF-001": [
        (NonConforming, lambda: with_header(profile_idc=1, bit_depth_minus8=5, **FORMAT)),
        (NonConforming, lambda: with_header(profile_idc=0, bit_depth_minus8=1, **FORMAT)),
    ],
    "PRF-002": [(NonConforming, lambda: with_header(profile_idc=0, ycc_flag=1, **FORMAT))],
    "PRF-003": [(NonConforming, lambda: enhanced(SOE, profile_idc=1))],
    "PRF-004": [(NonConforming, lambda: alpha(SOR, SOA, profile_idc=1))],
    "PRF-005": [(NonConforming, lambda: animation(frame(), frame(), profile_idc=1))],
    "LVL-001": [(NonConforming, lambda: with_large_header(width_minus1=1024, height_minus1=1023))],
    "LVL-002": [
        (NonConforming, lambda: with_large_header(width_minus1=2048, height_minus1=0)),
        (NonConforming, lambda: with_large_header(width_minus1=0, height_minus1=2048)),
    ],
    "LVL-003": [
        (
            NonConforming,
            lambda: with_large_header(
                width_minus1=64 * 8, height_minus1=64 * 8 - 1, tile_grid_flag=1, **STRUCTURE
            ),
        )
    ],
    "LVL-004": [
        (
            NonConforming,
            lambda: with_large_header(
                width_minus1=64 * 8 - 1,
                height_minus1=64 * 8 - 1,
                tile_grid_flag=1,
                num_layers_minus1=4,
                layer_last_group=(0, 1, 2, 3),
                **STRUCTURE,
            ),
        )
    ],
    "LVL-005": [(NonConforming, lambda: with_header(log2_lanes=9))],
}
CASES |= {
    "TOH-005": [
        (
            MalformedStream,
            lambda: enhanced(SOZ, SOR, SOE, elements={"base_flag": 1, "base_transform_idc": 3}),
        )
    ],
    "TOH-006": [(MalformedStream, lambda: enhanced(SOE, elements={"max_error": 256}))],
    "SOE-001": [
        (
            MalformedStream,
            lambda: enhanced(*SOE_TILES, write_segment(Marker.SOE, b"\x60"), **TILES),
        )
    ],
    "SOE-002": [
        (ConstraintViolation, lambda: enhanced(SOE_TILES[1], SOE_TILES[0], **TILES)),
        (ConstraintViolation, lambda: enhanced(SOE_TILES[0], SOE_TILES[0], **TILES)),
        (ConstraintViolation, lambda: enhanced(SOE, SOE)),
    ],
    "SOE-003": [
        (MalformedStream, enhanced),
        (MalformedStream, lambda: enhanced(SOE_TILES[0], **TILES)),
        (MalformedStream, lambda: stream(SOZ, SOR, SOE, END)),
    ],
    "SOE-004": [
        (MalformedStream, lambda: enhanced(SOZ, SOE)),
        (MalformedStream, lambda: enhanced(SOR, SOE)),
    ],
    "SOE-007": [
        (
            NonConforming,
            lambda: enhanced(
                SOE,
                level_idc=3,
                picture_size_bits_minus1=15,
                width_minus1=2048,
                height_minus1=2047,
            ),
        )
    ],
}
CASES |= {
    "TOH-008": [(MalformedStream, lambda: alpha(SOR, SOA, elements={"alpha_bit_depth_minus8": 9}))],
    "SOA-001": [
        (
            MalformedStream,
            lambda: alpha(*SOR_TILES, *SOA_TILES, write_segment(Marker.SOA, b"\x60"), **TILES),
        )
    ],
    "SOA-002": [
        (ConstraintViolation, lambda: alpha(*SOR_TILES, *SOA_TILES[::-1], **TILES)),
        (ConstraintViolation, lambda: alpha(SOR, SOA, SOA)),
    ],
    "SOA-003": [
        (MalformedStream, lambda: alpha(SOR)),
        (MalformedStream, lambda: alpha(*SOR_TILES, SOA_TILES[0], **TILES)),
        (MalformedStream, lambda: stream(SOZ, SOR, SOA, END)),
    ],
    "ANI-001": [(MalformedStream, lambda: animation(frame(), num_frames_minus1=MAX_FRAMES))],
    "ANI-002": [(MalformedStream, lambda: animation(frame(), ticks_per_second_minus1=MAX_TICKS))],
    "ANI-003": [(MalformedStream, lambda: animation(frame(), loop_count=MAX_LOOPS + 1))],
    "ANI-004": [
        (MalformedStream, lambda: animation(frame())),
        (MalformedStream, lambda: animation(frame(), frame(), frame())),
    ],
    "FRH-001": [(MalformedStream, lambda: stream(frame(), END))],
    "FRH-002": [(MalformedStream, lambda: animation(frame(frame_ticks=MAX_FRAME_TICKS + 1)))],
    "FRH-003": [
        (
            ConstraintViolation,
            lambda place=place: animation(frame(), frame(whole_frame_flag=0, **place)),
        )
        for place in ({"frame_x": 55}, {"frame_y": 39}, {"frame_width_minus1": 63, "frame_x": 1})
    ],
    "FRH-004": [
        (ConstraintViolation, lambda: animation(frame(whole_frame_flag=0), frame())),
    ],
}
RAISED_OUTSIDE_PARSING = {"PIH-015"}
"""Needs the model set; see test_picture_header.py."""


@pytest.mark.parametrize(
    ("requirement", "error", "make"),
    [(requirement, *case) for requirement, cases in CASES.items() for case in cases],
)
def test_breaking_it_raises_an_error_that_names_it(
    requirement: str, error: type[RefdecError], make: Callable[[], bytes]
) -> None:
    with pytest.raises(error) as caught:
        parse_codestream(make())
    assert caught.value.requirement == requirement
    assert type(caught.value) is error
    assert caught.value.offset is not None
    assert caught.value.element is not None or requirement.startswith("EOC")


def test_every_requirement_has_a_case() -> None:
    assert set(CASES) | RAISED_OUTSIDE_PARSING == set(syntax_requirements())


def test_every_requirement_is_a_statement() -> None:
    for statement in syntax_requirements().values():
        assert " shall " in statement, statement


@pytest.mark.parametrize(
    "data",
    [
        with_large_header(width_minus1=1023, height_minus1=1023),
        with_large_header(width_minus1=2047, height_minus1=511),
        with_header(log2_lanes=8),
        with_header(bit_depth_minus8=8, sample_float_flag=1, **FORMAT),
        tools(2, 1, 0),
        alpha(SOR, SOA, elements={"alpha_bit_depth_minus8": 8, "alpha_match_flag": 1}),
        alpha(*SOR_TILES, *SOA_TILES, **TILES),
        animation(frame(), frame(whole_frame_flag=0, frame_x=54, frame_y=38)),
        animation(frame(frame_ticks=MAX_FRAME_TICKS), num_frames_minus1=0, loop_count=MAX_LOOPS),
        enhanced(SOE),
        enhanced(SOE, elements={"max_error": 255, "match_flag": 1}),
        enhanced(SOZ, SOR, SOE, elements={"base_flag": 1}),
        enhanced(*SOE_TILES, **TILES),
        hashes((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 2, 0)),
        residuals((0, 0), (0, 1), **TILES),
        residuals((0, 0), (1, 0), **LAYERS),
        stream(*[RESERVED] * (MAX_SKIPPABLE - 1), MTD, SOZ, SOR, END),
    ],
)
def test_values_at_the_limits_are_accepted(data: bytes) -> None:
    parse_codestream(data)
