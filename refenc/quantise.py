# SPDX-License-Identifier: Apache-2.0
"""Rate-distortion-optimised quantisation of the residual of one group and phase."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map
from refdec.entropy.context import DEVIATION_ONE, Step
from refdec.entropy.residual import RESIDUAL_MAX
from refdec.entropy.tables import ResidualTables
from refenc.masking import weights_of_classes

F32 = NDArray[np.float32]
ESCAPE_BITS = 12
"""What an escaped value is taken to cost beyond its symbol."""
NEAR = 8
"""Values of smaller magnitude are looked up."""
PER_STEP = 64
"""Entries of the look-up table per quantisation step."""


@dataclass(frozen=True)
class Quantiser:
    """Picks, per position, the residual of least `error**2 * weight + bits`, the error in steps.

    There is a weight for each class of visual masking.
    """

    costs: F32
    """(80, 2 B + 2): bits of the values -B to B; the last column is the escape's."""
    bounds: I32Map
    offsets: I32Map
    """(80, 3), 1/32 steps, as the decoder's."""
    weights: F32
    """(CLASSES,)"""
    choices: NDArray[np.int8]
    """(CLASSES, 80, 2 NEAR PER_STEP + 1): residual of -NEAR to NEAR, in 1/PER_STEP steps."""

    @classmethod
    def of(cls, tables: ResidualTables, weight: float) -> "Quantiser":
        """Take bit costs from the normative tables; `weight` is bits per squared step."""
        frequencies = tables.tables.frequencies
        bounds = np.asarray(tables.tables.bounds, np.int32)
        half = max(int(bounds.max()), NEAR)
        costs = np.empty((len(bounds), 2 * half + 2), np.float32)
        for t, b in enumerate(bounds):
            bits = 12 - np.log2(np.asarray(frequencies[t][: 2 * b + 2], np.float64))
            costs[t] = bits[-1] + ESCAPE_BITS
            costs[t, half - b : half + b + 1] = bits[:-1]
        offsets = np.pad(tables.offsets, ((0, 0), (1, 0)))
        weights = weights_of_classes(weight)
        choices = np.stack([_choices(costs, offsets, w) for w in weights])
        return cls(costs, bounds, offsets, weights, choices)

    def residual(self, step: Step, target: F32, masking: I32Map) -> I32Map:
        """Choose residuals (n,) of the coded positions towards latents `target` (C, h, w).

        `masking` (h, w) is the class of each position.
        """
        place = np.flatnonzero(step.coded)
        width = np.broadcast_to(step.step, step.coded.shape).take(place) * np.float32(1 / 16)
        value = target.take(place) - step.mu.take(place) * np.float32(0.5)
        value = value / width - step.mean.take(place) * np.float32(1 / DEVIATION_ONE)
        table = step.scale_idx.take(place)
        masked = np.broadcast_to(masking, step.coded.shape).take(place)
        entry = np.rint(np.clip(value, -NEAR, NEAR) * PER_STEP).astype(np.int32)
        entry += (masked * self.choices.shape[1] + table) * self.choices.shape[2] + NEAR * PER_STEP
        residual: I32Map = self.choices.take(entry).astype(np.int32)
        far = np.flatnonzero(np.abs(value) >= NEAR)
        residual[far] = self._searched(value[far], table[far], self.weights[masked[far]])
        return residual

    def _searched(self, value: F32, table: I32Map, weight: F32) -> I32Map:
        """Compare zero, the largest value without an escape, and both neighbours."""
        magnitude, sign = np.abs(value), np.sign(value).astype(np.int32)
        high = np.minimum(np.ceil(magnitude), RESIDUAL_MAX).astype(np.int32)
        candidates = np.stack(
            [np.zeros_like(high), np.minimum(high, self.bounds[table]), high - 1, high]
        )
        pull = self.offsets[table, np.minimum(candidates, 2)] / np.float32(DEVIATION_ONE)
        error = magnitude - candidates + pull
        costs = weight * error * error + self.costs[table, self._columns(sign * candidates)]
        best: I32Map = sign * np.take_along_axis(candidates, costs.argmin(0)[None], 0)[0]
        return best

    def _columns(self, residual: I32Map) -> I32Map:
        """Column of each residual in `costs`."""
        half = (self.costs.shape[1] - 2) // 2
        columns: I32Map = np.where(np.abs(residual) > half, 2 * half + 1, residual + half)
        return columns

    def bits(self, tables: I32Map, residual: I32Map) -> float:
        """Estimate the bits of residuals (n,) under tables (n,)."""
        return float(self.symbol_bits(tables, residual).sum(dtype=np.float64))

    def symbol_bits(self, tables: I32Map, residual: I32Map) -> F32:
        """Estimate the bits of each of the residuals (n,) under tables (n,)."""
        bits: F32 = self.costs[tables, self._columns(residual)]
        return bits


def _choices(costs: F32, offsets: I32Map, weight: np.float32) -> NDArray[np.int8]:
    """Search all residuals of magnitude up to NEAR for each value and table."""
    half = (costs.shape[1] - 2) // 2
    value = np.arange(-NEAR * PER_STEP, NEAR * PER_STEP + 1, dtype=np.float32) / PER_STEP
    residual = np.arange(-NEAR, NEAR + 1)
    pull = np.sign(residual) * offsets[:, np.minimum(np.abs(residual), 2)] / DEVIATION_ONE
    best = np.full((len(costs), value.size), np.inf, np.float32)
    choices = np.zeros(best.shape, np.int8)
    for r in residual:
        error = value - (r - pull[:, r + NEAR, None]).astype(np.float32)
        cost = weight * error * error + costs[:, half + r, None]
        better = cost < best
        best[better], choices[better] = cost[better], r
    return choices
