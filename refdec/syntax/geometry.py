# SPDX-License-Identifier: Apache-2.0
"""Sizes of the latent planes and rectangles of the tiles."""

from dataclasses import dataclass

from refdec.arithmetic import ceil_div

LATENT_STRIDE = 16
"""Luma samples per latent position, in each direction."""
HYPER_STRIDE = 4
"""Latent positions per hyper-latent position, in each direction."""
TILE_UNIT = 64
"""Tile sizes are multiples of this many luma samples."""


def latent_size(samples: int) -> int:
    """Return the latent positions (h16 or w16) that cover `samples`."""
    return ceil_div(samples, LATENT_STRIDE)


def hyper_latent_size(samples: int) -> int:
    """Return the hyper-latent positions (h64 or w64) that cover `samples`."""
    return ceil_div(latent_size(samples), HYPER_STRIDE)


@dataclass(frozen=True, kw_only=True)
class TileRectangle:
    """A tile on the latent grid, in units of 16 samples."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index the tile in the last two axes of a latent tensor."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def tile_rectangle(
    *, tile_idx: int, height: int, width: int, tile_height: int, tile_width: int
) -> TileRectangle:
    """Return the rectangle of one tile; tiles are numbered row by row.

    Parameters
    ----------
    tile_idx : at least 0, below the number of tiles.
    height, width : picture size in samples.
    tile_height, tile_width : nominal tile size in samples; tiles in the last row and column are
        cut at the picture's border.
    """
    row, column = divmod(tile_idx, ceil_div(width, tile_width))
    top, left = row * latent_size(tile_height), column * latent_size(tile_width)
    return TileRectangle(
        top=top,
        left=left,
        height=min(latent_size(tile_height), latent_size(height) - top),
        width=min(latent_size(tile_width), latent_size(width) - left),
    )
