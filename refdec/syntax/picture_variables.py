# SPDX-License-Identifier: Apache-2.0
"""Grids of the picture: samples, latent positions, tiles."""

from dataclasses import dataclass

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
