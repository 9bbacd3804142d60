# SPDX-License-Identifier: Apache-2.0
"""Repeated pixels: the colour that followed the same neighbourhood when it was last seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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


class ColourMemory:
    """The last sample of a component that went with the samples of those before it.

    It replaces the blended prediction in the contexts where it has been the better one.
    """

    WORST = 15
    """Larger errors count as this."""

    def __init__(self, contexts: int) -> None:
        self._samples = np.zeros(1 << HASH_BITS, np.int64)
        start = np.full(contexts, 1 << MISS_BITS)
        self._means = (MeanTracker(start, MISS_BITS), MeanTracker(start, MISS_BITS))

    @clause("12.6.3")
    def recall_samples(self, colour: I64Map, blend: I64Map, context: I64Map) -> I64Map:
        """Choose between the blend and what followed the same components before; all (n)."""
        self._key, self._context = _hash(colour[None]), context
        self._rivals = blend, self._samples[self._key]
        of_blend, of_memory = (tracker.mean_levels(context) for tracker in self._means)
        return np.where(of_memory < of_blend, self._rivals[1], blend)

    def remember(self, samples: I64Map, miss: BoolMap) -> None:
        """Take the decoded samples (n); those of matches do not count in the comparison."""
        self._samples[self._key] = samples
        for tracker, rival in zip(self._means, self._rivals, strict=True):
            error = np.minimum(np.abs(samples - rival), self.WORST)
            tracker.update_means(self._context[miss], error[miss])


class Matcher:
    """The state of the matches of one tile: for either size of neighbourhood what followed it."""

    def __init__(self, grid: Grid) -> None:
        self.colour = np.zeros(grid.size, np.int64)
        """Components of a pixel in one number."""
        self._missed = np.zeros(grid.size, np.int64)
        self._followed = np.full((2, 2, 1 << HASH_BITS), -1, np.int64)
        """By size of the neighbourhood: the last colour that followed, and the one before it."""
        self._agreed = np.zeros((2, 1 << HASH_BITS), np.int64)
        self._neighbours = grid.offsets(FAR)
        start = np.full(NUM_CONTEXTS, START_MISS)
        self._misses = MeanTracker(start, MISS_BITS), MeanTracker(start, MISS_BITS)

    @clause("12.6.1")
    def match_wave(self, wave: I64Map) -> tuple[I64Map, I64Map]:
        """Find the expected colours of each position of a wave, and the levels of their misses.

        Returns (2, n) and (2, n): first and second expectation.
        """
        self.wave = wave
        around = self.colour[wave + self._neighbours]
        self._hashes = np.stack([_hash(around[: len(NEAR)]), _hash(around)])
        (near, near_before), (far, far_before) = (
            self._followed[order][:, self._hashes[order]] for order in (0, 1)
        )
        w, n, nw, ne = around[: len(NEAR)]
        agreed = self._agreed[0, self._hashes[0]], self._agreed[1, self._hashes[1]]
        first, source = w, np.zeros_like(w)
        for order, followed in enumerate((near, far)):
            known = followed >= 0
            first = np.where(known, followed, first)
            source = np.where(known, 1 + 3 * order + agreed[order], source)
        second, place = first, np.zeros_like(w)
        for index, colour in enumerate((nw, n, w, near_before, near, far_before)):
            better = (colour >= 0) & (colour != first)
            second = np.where(better, colour, second)
            place = np.where(better, index + 1, place)
        shape = 4 * (w == n) + 2 * (w == nw) + (n == ne)
        trail = self._missed[wave + self._neighbours[[0, 1, 3]]]
        self._contexts = np.stack(
            [
                _context(source, shape, first == w, first == n, *trail),
                _context(place, shape, second == w, second == n, *trail),
            ]
        )
        levels = [m.mean_levels(c) for m, c in zip(self._misses, self._contexts, strict=True)]
        return np.stack([first, second]), np.stack(levels)

    @clause("12.6.2")
    def update_matches(self, colour: I64Map, misses: BoolMap) -> None:
        """Remember the colours (n) of the wave; among equal neighbourhoods the last counts.

        Parameters
        ----------
        misses : (2, n): whether the first expectation failed, and whether both did.
        """
        asked = np.ones_like(misses[0]), misses[0]
        for tracker, context, miss, mask in zip(
            self._misses, self._contexts, misses, asked, strict=True
        ):
            tracker.update_means(context[mask], miss[mask].astype(np.int64))
        self.colour[self.wave] = colour
        self._missed[self.wave] = misses[0]
        for order, key in enumerate(self._hashes):
            last, before = self._followed[order][:, key]
            changed = last != colour
            self._followed[order, 1, key] = np.where(changed, last, before)
            self._followed[order, 0, key] = colour
            self._agreed[order, key] = np.where(last < 0, 0, np.where(changed, 1, 2))


def _context(source: I64Map, shape: I64Map, *bits: NDArray[Any]) -> I64Map:
    """Give a context its number: 7 sources, 8 shapes, 5 bits."""
    context = 8 * source + shape
    for bit in bits:
        context = 2 * context + bit
    return context


def _hash(colours: I64Map) -> I64Map:
    """Hash the colours (k, n) of k neighbours; (n), below 2**HASH_BITS."""
    state = np.zeros(colours.shape[1], np.uint64)
    for colour in colours.astype(np.uint64):
        state = ((state ^ colour) * np.uint64(HASH_FACTOR)) & np.uint64(0xFFFFFFFF)
        state ^= state >> np.uint64(15)
    return (state >> np.uint64(32 - HASH_BITS)).astype(np.int64)
