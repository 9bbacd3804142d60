# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from hypothesis import given

from conformance.strategies import picture_headers
from refdec.bits import BitReader
from refdec.errors import ConstraintViolation
from refdec.syntax.element import parse_structure
from refdec.syntax.picture_header import PictureHeader
from tests.syntax.streams import payload_of, picture_header


def parse(payload: bytes) -> PictureHeader:
    return parse_structure(PictureHeader, BitReader(payload), segment="PIH")


def test_shortest_header_bit_by_bit() -> None:
    # profile 2, level 1        0010 0001
    # model set 3, 6-bit sizes  0011 0101
    # 64 x 48                   111111 101111
    # colour, default format    0 1
    # quality 10                001010
    # 1 lane                    0000
    # default structure, no TOH, no extension, padding  1 0 0 00000
    bits = "0010 0001 0011 0101 111111 101111 0 1 001010 0000 1 0 0 00000".replace(" ", "")
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert len(payload) == 6
    assert payload_of(picture_header()) == payload
    assert parse(payload) == picture_header()


def test_longest_branch_bit_by_bit() -> None:
    header = picture_header(
        level_idc=2,
        default_format_flag=0,
        bit_depth_minus8=8,
        sample_float_flag=1,
        chroma_format_idc=0,
        colour_primaries=9,
        transfer_characteristics=16,
        matrix_coefficients=9,
        full_range_flag=0,
        log2_lanes=8,
        default_structure_flag=0,
        tile_grid_flag=1,
        tile_width_minus1=0,
        tile_height_minus1=1,
        num_layers_minus1=2,
        layer_last_group=(0, 3),
        segment_crc_flag=1,
        tool_header_flag=1,
    )
    bits = (
        "0010 0010 0011 0101 111111 101111 0 0"  # explicit format
        "1000 1 00 0 00001001 00010000 00001001 0"  # 16 bits, binary16, 4:4:4, RGB, 9/16/9, narrow
        "001010 1000 0"  # quality 10, 256 lanes, explicit structure
        "1 00000000 00000001"  # tiles of 64 x 128
        "010 0000 0011 1"  # 3 layers ending at groups 0 and 3, CRC
        "1 0"  # TOH, no extension
    ).replace(" ", "")
    size = -(-len(bits) // 8)
    payload = int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    assert payload_of(header) == payload
    assert parse(payload) == header


@given(picture_headers())
def test_round_trip(header: PictureHeader) -> None:
    assert parse(payload_of(header)) == header


@pytest.mark.parametrize(
    ("side", "size16", "size64"), [(1, 1, 1), (16, 1, 1), (17, 2, 1), (64, 4, 1), (65, 5, 2)]
)
def test_latent_sizes(side: int, size16: int, size64: int) -> None:
    header = picture_header(picture_size_bits_minus1=7, width_minus1=side - 1, height_minus1=99)
    assert (header.w16, header.w64, header.h16, header.h64) == (size16, size64, 7, 2)


@given(picture_headers())
def test_tiles_cover_the_latent_grid_once(header: PictureHeader) -> None:
    covered = np.zeros((header.h16, header.w16), np.int64)
    for tile_idx in range(header.num_tiles):
        tile = header.tile(tile_idx)
        assert tile.height > 0
        assert tile.width > 0
        covered[tile.slices] += 1
    assert (covered == 1).all()


def test_tile_numbering_is_row_by_row() -> None:
    header = picture_header(
        picture_size_bits_minus1=7,
        width_minus1=139,
        height_minus1=129,
        default_structure_flag=0,
        tile_grid_flag=1,
    )
    assert header.num_tiles == 9
    tiles = [header.tile(tile_idx) for tile_idx in range(9)]
    assert [(tile.top, tile.left) for tile in tiles[:4]] == [(0, 0), (0, 4), (0, 8), (4, 0)]
    assert [(tiles[8].height, tiles[8].width)] == [(1, 1)]


def test_components_depth_and_lanes() -> None:
    header = picture_header(monochrome_flag=1, log2_lanes=10)
    assert (header.num_components, header.bit_depth, header.num_lanes) == (1, 8, 1024)


def test_layers_split_the_channel_groups() -> None:
    header = picture_header(default_structure_flag=0, num_layers_minus1=2, layer_last_group=(0, 2))
    assert header.layer_groups(5) == (range(1), range(1, 3), range(3, 5))
    assert picture_header().layer_groups(5) == (range(5),)
    with pytest.raises(ConstraintViolation, match="PIH-015"):
        header.layer_groups(3)
