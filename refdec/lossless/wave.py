# SPDX-License-Identifier: Apache-2.0
"""The order of the lossless tool: waves of positions that do not depend on one another.

::

    wave number t = x + 2*y           0 1 2 3 4 5
                                      2 3 4 5 6 7
                                      4 5 6 7 8 9

Whatever lies above a position up to two columns to its right, or left of it, belongs to an earlier
wave. The planes have margins and are flat, so that a wave is an arithmetic progression.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I64Map
from refdec.clause import clause

MARGIN = 3
"""Rows above, and columns on either side of a tile, that stand for what is not available."""
TOP_SHIFT = 3
"""The rows above the tile are its first row, so many columns to the right."""
W, N, NW, NE, NN, WW = (0, -1), (-1, 0), (-1, -1), (-1, 1), (-2, 0), (0, -2)
"""Neighbours by their row and column relative to a position."""


@dataclass(frozen=True)
class Grid:
    """A tile of height x width positions inside its margins."""

    height: int
    width: int

    @property
    def stride(self) -> int:
        """Flat distance of two rows."""
        return self.width + 2 * MARGIN

    @property
    def size(self) -> int:
        """Positions with the margins."""
        return (self.height + MARGIN) * self.stride

    def flat(self, y: int, x: int) -> int:
        """Flat index of a position."""
        return (y + MARGIN) * self.stride + x + MARGIN

    def offsets(self, neighbours: Sequence[tuple[int, int]]) -> I64Map:
        """Flat distances (n, 1) of neighbours given as (row, column)."""
        return np.array([[dy * self.stride + dx] for dy, dx in neighbours], np.int64)

    def inside(self, planes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cut the margins off flat planes: (C, size) to (C, height, width)."""
        whole = planes.reshape(-1, self.height + MARGIN, self.stride)
        return whole[:, MARGIN:, MARGIN : MARGIN + self.width]

    @clause("12.3")
    def waves(self) -> Iterator[tuple[int, I64Map]]:
        """Give each wave's number and the flat indices of its positions, from the top down."""
        for t in range(self.width + 2 * (self.height - 1)):
            top = max(0, (t - self.width + 2) // 2)
            bottom = min(self.height - 1, t // 2)
            if top <= bottom:
                first, step = self.flat(top, t - 2 * top), self.stride - 2
                yield t, first + step * np.arange(bottom - top + 1)

    @clause("12.4")
    def extend_margins(self, planes: NDArray[np.int64], t: int) -> None:
        """Copy the samples of wave t that lie at the border into the margins; planes (C, size).

        The right margin repeats the last sample of its row, the left margin the first sample of
        the row above, the rows above the tile its first row.
        """
        y, odd = divmod(t, 2)
        if not odd and y < self.height - 1:
            left = self.flat(y + 1, 0)
            planes[:, left - MARGIN : left] = planes[:, self.flat(y, 0), None]
        y, odd = divmod(t - self.width + 1, 2)
        if not odd and 0 <= y < self.height:
            right = self.flat(y, self.width)
            planes[:, right : right + MARGIN] = planes[:, right - 1, None]
        if t < self.width and t + TOP_SHIFT < self.width + MARGIN:
            value = planes[:, self.flat(0, t)]
            for row in range(1, MARGIN):
                planes[:, self.flat(-row, t + TOP_SHIFT)] = value
