# SPDX-License-Identifier: Apache-2.0
"""The picture header: everything that parsing and memory depend on."""

from dataclasses import dataclass, replace
from typing import ClassVar

from refdec.arithmetic import ceil_div
from refdec.errors import ConstraintViolation, NonConforming, UnsupportedFeature
from refdec.syntax.declaration import Constraint, increasing
from refdec.syntax.descriptors import u
from refdec.syntax.element import element, this
from refdec.syntax.picture_variables import (
    CHROMA_STEPS,
    FINITE_MAX,
    FINITE_MIN,
    HYPER_STRIDE,
    LATENT_STRIDE,
    TILE_UNIT,
    PlaneGroup,
    TileRectangle,
)
from refdec.syntax.profiles import NUM_LEVELS, Level, Profile, Tools, levels, profiles
from refdec.syntax.segment import FrameHeader

_BINARY16_DEPTH = 16
_FORMAT = {"present_if": this.default_format_flag == 0}
_STRUCTURE = {"present_if": this.default_structure_flag == 0}
_TILES = {"present_if": this.tile_grid_flag == 1}
_LEVELS = range(1, NUM_LEVELS + 1)
_PRIMARIES = (1, 2, *range(4, 13), 22)
_TRANSFERS = (1, 2, *range(4, 19))
_MATRICES = (0, 1, 2, *range(4, 18))


@dataclass(frozen=True, kw_only=True)
class PictureHeader:
    """Picture header (PIH): its elements, the rules on them, the variables derived from them."""

    profile_idc: int = element(
        u(4),
        "0 Simple, 1 Main, 2 High.",
        "PIH-001",
        tuple(Profile),
        error=UnsupportedFeature,
    )
    level_idc: int = element(
        u(4), "Level, whose limits the picture keeps.", "PIH-002", _LEVELS, error=UnsupportedFeature
    )
    model_set_idc: int = element(
        u(4),
        "Model set: the networks and tables that decode the picture.",
        "PIH-003",
        (3,),
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
    ycc_flag: int = element(
        u(1), "1: the samples are Y, Cb, Cr; 0: R, G, B, or grey.", inferred=0, **_FORMAT
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
            "PIH-017",
            "ycc_flag",
            "ycc_flag shall be 0 for monochrome pictures and 1 for subsampled chroma",
            lambda h: (
                h.ycc_flag == 0 if h.monochrome_flag else h.ycc_flag or not h.chroma_format_idc
            ),
        ),
        Constraint(
            "PRF-001",
            "bit_depth_minus8",
            "the bit depth shall be at most max_bit_depth of the profile",
            lambda h: h.bit_depth <= h.profile.max_bit_depth,
            NonConforming,
        ),
        Constraint(
            "PRF-002",
            "ycc_flag",
            "ycc_flag shall be at most ycc_samples of the profile",
            lambda h: h.ycc_flag <= h.profile.ycc_samples,
            NonConforming,
        ),
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

    @property
    def profile(self) -> Tools:
        """Tools of the declared profile."""
        return profiles()[self.profile_idc]

    @property
    def level(self) -> Level:
        """Limits of the declared level."""
        return levels()[self.level_idc]

    @property
    def pic_width(self) -> int:
        """Picture width in luma samples."""
        return self.width_minus1 + 1

    @property
    def pic_height(self) -> int:
        """Picture height in luma samples."""
        return self.height_minus1 + 1

    @property
    def bit_depth(self) -> int:
        """Bits per sample, 8 to 16."""
        return self.bit_depth_minus8 + 8

    @property
    def num_components(self) -> int:
        """1 for monochrome pictures, else 3."""
        return 1 if self.monochrome_flag else 3

    @property
    def sample_range(self) -> tuple[int, int]:
        """Smallest and largest sample."""
        return (
            (FINITE_MIN, FINITE_MAX) if self.sample_float_flag else (0, (1 << self.bit_depth) - 1)
        )

    @property
    def plane_groups(self) -> tuple[PlaneGroup, ...]:
        """All components in one group; luma and chroma apart where chroma is subsampled."""
        if not self.chroma_format_idc:
            return (PlaneGroup(slice(0, self.num_components), 1, 1),)
        steps = CHROMA_STEPS[self.chroma_format_idc]
        return PlaneGroup(slice(0, 1), 1, 1), PlaneGroup(slice(1, 3), *steps)

    @property
    def num_lanes(self) -> int:
        """Entropy coder lanes of each sub-stream."""
        return 1 << self.log2_lanes

    @property
    def num_layers(self) -> int:
        """Layers of the residual."""
        return self.num_layers_minus1 + 1

    @property
    def h16(self) -> int:
        """Rows of the latent tensor."""
        return ceil_div(self.pic_height, LATENT_STRIDE)

    @property
    def w16(self) -> int:
        """Columns of the latent tensor."""
        return ceil_div(self.pic_width, LATENT_STRIDE)

    @property
    def h64(self) -> int:
        """Rows of the hyper-latent tensor."""
        return ceil_div(self.h16, HYPER_STRIDE)

    @property
    def w64(self) -> int:
        """Columns of the hyper-latent tensor."""
        return ceil_div(self.w16, HYPER_STRIDE)

    @property
    def tile_width(self) -> int:
        """Nominal tile width in luma samples."""
        return TILE_UNIT * (self.tile_width_minus1 + 1) if self.tile_grid_flag else self.pic_width

    @property
    def tile_height(self) -> int:
        """Nominal tile height in luma samples."""
        return TILE_UNIT * (self.tile_height_minus1 + 1) if self.tile_grid_flag else self.pic_height

    @property
    def largest_tile(self) -> int:
        """Luma samples of the largest tile, as far as it is in the picture."""
        return min(self.tile_width, self.pic_width) * min(self.tile_height, self.pic_height)

    @property
    def num_tile_columns(self) -> int:
        """Tiles in a row."""
        return ceil_div(self.pic_width, self.tile_width)

    @property
    def num_tiles(self) -> int:
        """Tiles of the picture."""
        return self.num_tile_columns * ceil_div(self.pic_height, self.tile_height)

    def tile(self, tile_idx: int) -> TileRectangle:
        """Return a tile on the latent grid; the last row and column end with the picture."""
        row, column = divmod(tile_idx, self.num_tile_columns)
        height = ceil_div(self.tile_height, LATENT_STRIDE)
        width = ceil_div(self.tile_width, LATENT_STRIDE)
        top, left = row * height, column * width
        return TileRectangle(
            top=top,
            left=left,
            height=min(height, self.h16 - top),
            width=min(width, self.w16 - left),
        )

    def of_frame(self, frame: FrameHeader) -> "PictureHeader":
        """Return the header of a frame's own picture.

        Raises
        ------
        ConstraintViolation
            The frame leaves the picture (FRH-003), or cuts through chroma samples (FRH-005).
        """
        quality_idx = frame.frame_quality_idx if frame.frame_quality_flag else self.quality_idx
        if frame.whole_frame_flag:
            return replace(self, quality_idx=quality_idx)
        right = frame.frame_x + frame.frame_width_minus1
        bottom = frame.frame_y + frame.frame_height_minus1
        if right >= self.pic_width or bottom >= self.pic_height:
            message = f"the frame reaches {right},{bottom}, outside the picture"
            raise ConstraintViolation(message, requirement="FRH-003", element="whole_frame_flag")
        chroma = self.plane_groups[-1]
        for start, end, step, size in (
            (frame.frame_x, right + 1, chroma.step_x, self.pic_width),
            (frame.frame_y, bottom + 1, chroma.step_y, self.pic_height),
        ):
            if start % step or (end % step and end != size):
                message = f"the frame from {start} to {end} cuts through a chroma sample"
                raise ConstraintViolation(
                    message, requirement="FRH-005", element="whole_frame_flag"
                )
        return replace(
            self,
            width_minus1=frame.frame_width_minus1,
            height_minus1=frame.frame_height_minus1,
            quality_idx=quality_idx,
        )

    def layer_groups(self, num_groups: int) -> tuple[range, ...]:
        """Return the channel groups of each layer, for a model set with `num_groups` groups.

        Raises
        ------
        ConstraintViolation
            A layer would be empty, because layer_last_group reaches the last group (PIH-015).
        """
        if self.layer_last_group and self.layer_last_group[-1] >= num_groups - 1:
            message = f"layer_last_group shall be below {num_groups - 1}"
            raise ConstraintViolation(message, requirement="PIH-015", element="layer_last_group")
        starts = (0, *(last + 1 for last in self.layer_last_group))
        return tuple(map(range, starts, (*starts[1:], num_groups)))
