# SPDX-License-Identifier: Apache-2.0
"""The variables derived from the picture header: sizes, tiles, layers."""

from dataclasses import dataclass

from refdec.arithmetic import ceil_div
from refdec.errors import ConstraintViolation
from refdec.syntax.profiles import Level, levels

LATENT_STRIDE = 16
"""Luma samples per latent position, in each direction."""
HYPER_STRIDE = 4
"""Latent positions per hyper-latent position, in each direction."""
TILE_UNIT = 64
"""Tile sizes are multiples of this many luma samples."""


@dataclass(frozen=True, kw_only=True)
class TileRectangle:
    """A tile on the latent grid."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index the tile in the last two axes of a latent tensor."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class PictureVariables:
    """Properties of a picture header; the annotations name the elements they derive from."""

    level_idc: int
    width_minus1: int
    height_minus1: int
    monochrome_flag: int
    bit_depth_minus8: int
    log2_lanes: int
    tile_grid_flag: int
    tile_width_minus1: int
    tile_height_minus1: int
    num_layers_minus1: int
    layer_last_group: tuple[int, ...]

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
