# SPDX-License-Identifier: Apache-2.0
"""Repeated pixels: the colour that followed the same neighbourhood when it was last seen."""

import numpy as np

from refdec.arrays import BoolMap, I64Map
from refdec.clause import clause
from refdec.lossless.adaptation import MeanTracker
from refdec.lossless.wave import NE, NN, NW, WW, Grid, N, W

NEAR = (W, N, NW, NE)
FAR = (*NEAR, WW, NN, (-1, -2), (-2, 1))
HASH_FACTOR = 0x9E3779B1
HASH_BITS = 18
START_MISS = 64
"""First share of misses in every context, in 1/1024."""
MISS_BITS = 10
NUM_CONTEXTS = 7 * 32 * 8


class Matcher:
    """The state of the matches of one tile: for either size of neighbourhood what followed it."""

    def __init__(self, grid: Grid) -> None:
        self.colour = np.zeros(grid.size, np.int64)
        """Components of a pixel in one number."""
        self._missed = np.zeros(grid.size, np.int64)
        self._followed = np.full((2, 1 << HASH_BITS), -1, np.int64)
        self._agreed = np.zeros((2, 1 << HASH_BITS), np.int64)
        self._neighbours = grid.offsets(FAR)
        self._misses = MeanTracker(np.full(NUM_CONTEXTS, START_MISS), MISS_BITS)

    @clause("12.6.1")
    def match_wave(self, wave: I64Map) -> tuple[I64Map, I64Map]:
        """Find the expected colour of each position of a wave and the level of its misses."""
        self.wave = wave
        around = self.colour[wave + self._neighbours]
        self._hashes = np.stack([_hash(around[: len(NEAR)]), _hash(around)])
        expected, source = around[0].copy(), np.zeros(wave.size, np.int64)
        for order in (0, 1):
            followed = self._followed[order, self._hashes[order]]
            known = followed >= 0
            expected[known] = followed[known]
            agreed = self._agreed[order, self._hashes[order]]
            source[known] = (1 + 3 * order + agreed)[known]
        w, n, nw, ne = around[: len(NEAR)]
        context = source
        for bit in (w == n, w == nw, n == ne, expected == w, expected == n):
            context = 2 * context + bit
        for missed in self._missed[wave + self._neighbours[[0, 1, 3]]]:
            context = 2 * context + missed
        self._context = context
        return expected, self._misses.mean_levels(context)

    @clause("12.6.2")
    def update_matches(self, colour: I64Map, miss: BoolMap) -> None:
        """Remember the colours (n) of the wave; among equal neighbourhoods the last counts."""
        self._misses.update_means(self._context, miss.astype(np.int64))
        self.colour[self.wave] = colour
        self._missed[self.wave] = miss
        for followed, agreed, key in zip(self._followed, self._agreed, self._hashes, strict=True):
            before = followed[key]
            agreed[key] = np.where(before < 0, 0, np.where(before == colour, 2, 1))
            followed[key] = colour


def _hash(colours: I64Map) -> I64Map:
    """Hash the colours (k, n) of k neighbours; (n), below 2**HASH_BITS."""
    state = np.zeros(colours.shape[1], np.uint64)
    for colour in colours.astype(np.uint64):
        state = ((state ^ colour) * np.uint64(HASH_FACTOR)) & np.uint64(0xFFFFFFFF)
        state ^= state >> np.uint64(15)
    return (state >> np.uint64(32 - HASH_BITS)).astype(np.int64)
