# SPDX-License-Identifier: Apache-2.0
"""The picture header: everything that parsing and memory depend on."""

from dataclasses import dataclass
from typing import ClassVar

from refdec.errors import NonConforming, UnsupportedFeature
from refdec.syntax.declaration import Constraint, increasing
from refdec.syntax.descriptors import u
from refdec.syntax.element import element, this
from refdec.syntax.picture_variables import PictureVariables
from refdec.syntax.profiles import NUM_LEVELS, Profile

_BINARY16_DEPTH = 16
_FORMAT = {"present_if": this.default_format_flag == 0}
_STRUCTURE = {"present_if": this.default_structure_flag == 0}
_TILES = {"present_if": this.tile_grid_flag == 1}
_LEVELS = range(1, NUM_LEVELS + 1)
_PRIMARIES = (1, 2, *range(4, 13), 22)
_TRANSFERS = (1, 2, *range(4, 19))
_MATRICES = (0, 1, 2, *range(4, 16))


@dataclass(frozen=True, kw_only=True)
class PictureHeader(PictureVariables):
    """Picture header (PIH); the variables derived from it are in `PictureVariables`."""

    profile_idc: int = element(
        u(4), "Profile: 0 Simple, 1 Main.", "PIH-001", tuple(Profile), error=UnsupportedFeature
    )
    level_idc: int = element(
        u(4), "Level, whose limits the picture keeps.", "PIH-002", _LEVELS, error=UnsupportedFeature
    )
    model_set_idc: int = element(
        u(4),
        "Model set: the networks and tables that decode the picture.",
        "PIH-003",
        (0,),
        error=UnsupportedFeature,
    )
    picture_size_bits_minus1: int = element(u(4), "Bits of each size element, minus 1.")
    width_minus1: int = element(
        u(this.picture_size_bits_minus1 + 1), "Picture width in luma samples, minus 1."
    )
    height_minus1: int = element(
        u(this.picture_size_bits_minus1 + 1), "Picture height in luma samples, minus 1."
    )
    monochrome_flag: int = element(u(1), "1: the picture has luma only.")
    default_format_flag: int = element(
        u(1), "1: 8 bits, 4:4:4, colour description 1/13/6, full range."
    )
    bit_depth_minus8: int = element(
        u(4), "Bits per sample, minus 8.", "PIH-004", range(9), inferred=0, **_FORMAT
    )
    sample_float_flag: int = element(u(1), "1: samples are IEEE binary16.", inferred=0, **_FORMAT)
    chroma_format_idc: int = element(
        u(2),
        "Chroma format: 0 4:4:4, 1 4:2:2, 2 4:2:0.",
        "PIH-005",
        range(3),
        inferred=0,
        **_FORMAT,
    )
    colour_primaries: int = element(
        u(8), "ColourPrimaries of ITU-T H.273.", "PIH-006", _PRIMARIES, inferred=1, **_FORMAT
    )
    transfer_characteristics: int = element(
        u(8),
        "TransferCharacteristics of ITU-T H.273.",
        "PIH-007",
        _TRANSFERS,
        inferred=13,
        **_FORMAT,
    )
    matrix_coefficients: int = element(
        u(8), "MatrixCoefficients of ITU-T H.273.", "PIH-008", _MATRICES, inferred=6, **_FORMAT
    )
    full_range_flag: int = element(
        u(1), "VideoFullRangeFlag of ITU-T H.273.", inferred=1, **_FORMAT
    )
    quality_idx: int = element(u(6), "Quality index: selects the gains of the channels.")
    log2_lanes: int = element(
        u(4), "Base 2 logarithm of the number of entropy coder lanes.", "PIH-009", range(11)
    )
    default_structure_flag: int = element(u(1), "1: one tile, one layer, no segment CRC.")
    tile_grid_flag: int = element(
        u(1), "1: a tile size follows; 0: one tile covers the picture.", inferred=0, **_STRUCTURE
    )
    tile_width_minus1: int = element(
        u(8), "Tile width in units of 64 luma samples, minus 1.", inferred=0, **_TILES
    )
    tile_height_minus1: int = element(
        u(8), "Tile height in units of 64 luma samples, minus 1.", inferred=0, **_TILES
    )
    num_layers_minus1: int = element(u(3), "Number of layers, minus 1.", inferred=0, **_STRUCTURE)
    layer_last_group: tuple[int, ...] = element(
        u(4),
        "Index of the last channel group of each layer but the last.",
        count=this.num_layers_minus1,
        present_if=this.num_layers_minus1 > 0,
        inferred=(),
    )
    segment_crc_flag: int = element(
        u(1),
        "1: each segment after this one but EOC ends with a CRC-32C.",
        inferred=0,
        **_STRUCTURE,
    )
    tool_header_flag: int = element(u(1), "1: a tool header (TOH) is present.")
    extension_flag: int = element(u(1), "Reserved for extensions.", "PIH-010", (0,))

    CONSTRAINTS: ClassVar[tuple[Constraint, ...]] = (
        Constraint(
            "PIH-011",
            "sample_float_flag",
            "binary16 samples shall have a bit depth of 16",
            lambda h: not h.sample_float_flag or h.bit_depth == _BINARY16_DEPTH,
        ),
        Constraint(
            "PIH-012",
            "chroma_format_idc",
            "chroma_format_idc shall be 0 when monochrome_flag is 1",
            lambda h: not h.monochrome_flag or h.chroma_format_idc == 0,
        ),
        Constraint(
            "PIH-013",
            "matrix_coefficients",
            "matrix_coefficients 0 (identity) shall go with chroma_format_idc 0",
            lambda h: h.matrix_coefficients != 0 or h.chroma_format_idc == 0,
        ),
        increasing("PIH-014", "layer_last_group"),
        Constraint(
            "LVL-001",
            "width_minus1",
            "the picture shall have at most max_samples of its level",
            lambda h: h.pic_width * h.pic_height <= h.level.max_samples,
            NonConforming,
        ),
        Constraint(
            "LVL-002",
            "width_minus1",
            "the picture's sides shall be at most max_side of its level",
            lambda h: max(h.pic_width, h.pic_height) <= h.level.max_side,
            NonConforming,
        ),
        Constraint(
            "LVL-003",
            "tile_width_minus1",
            "the picture shall have at most max_tiles of its level",
            lambda h: h.num_tiles <= h.level.max_tiles,
            NonConforming,
        ),
        Constraint(
            "LVL-004",
            "num_layers_minus1",
            "layers times tiles shall be at most max_residual_segments of the level",
            lambda h: h.num_layers * h.num_tiles <= h.level.max_residual_segments,
            NonConforming,
        ),
        Constraint(
            "LVL-005",
            "log2_lanes",
            "the number of lanes shall be at most max_lanes of the level",
            lambda h: h.num_lanes <= h.level.max_lanes,
            NonConforming,
        ),
    )
