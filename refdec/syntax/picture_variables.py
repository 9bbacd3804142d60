# SPDX-License-Identifier: Apache-2.0
"""Grids of the picture: samples, latent positions, tiles."""

from dataclasses import dataclass
from typing import NamedTuple

LATENT_STRIDE = 16
"""Luma samples per latent position, in each direction."""
HYPER_STRIDE = 4
"""Latent positions per hyper-latent position, in each direction."""
TILE_UNIT = 64
"""Tile sizes are multiples of this many luma samples."""


CHROMA_STEPS = ((1, 1), (2, 1), (2, 2))
"""Luma columns and rows per chroma sample, by chroma_format_idc."""
FINITE_MIN = 0x0400
FINITE_MAX = 0xFBFF
"""Ends of the finite binary16 numbers, as samples."""


class PlaneGroup(NamedTuple):
    """Components that are sampled alike, hence decoded together."""

    components: slice
    step_x: int
    """Luma columns per sample."""
    step_y: int

    @property
    def num_components(self) -> int:
        """How many they are."""
        return int(self.components.stop - self.components.start)


SINGLE_PLANE = (PlaneGroup(slice(0, 1), 1, 1),)
"""The plane group of luma alone, and of alpha."""


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
