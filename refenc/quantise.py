# SPDX-License-Identifier: Apache-2.0
"""Rate-distortion-optimised quantisation of the residual of one group and phase."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map
from refdec.entropy.context import DEVIATION_ONE, Step
from refdec.entropy.tables import ResidualTables

RESIDUAL_MAX = 8191


@dataclass(frozen=True)
class Quantiser:
    """Picks, per position, the residual of least `error**2 * weight + bits`, the error in steps."""

    costs: NDArray[np.float32]
    """(80, 2 B + 2): bits of the values -B to B; the last column is the escape's."""
    bounds: NDArray[np.int32]
    offsets: NDArray[np.int32]
    """(80, 3), 1/32 steps, as the decoder's."""
    weight: float

    @classmethod
    def of(cls, tables: ResidualTables, weight: float) -> "Quantiser":
        """Take bit costs from the normative tables; `weight` is bits per squared step."""
        frequencies = tables.tables.frequencies
        bounds = np.asarray(tables.tables.bounds, np.int32)
        half = int(bounds.max())
        costs = np.full((len(bounds), 2 * half + 2), 40.0, np.float32)
        for t, b in enumerate(bounds):
            bits = 12 - np.log2(np.asarray(frequencies[t][: 2 * b + 2], np.float64))
            costs[t, half - b : half + b + 1] = bits[:-1]
            costs[t, : half - b] = costs[t, half + b + 1 :] = bits[-1] + 12
        return cls(costs, bounds, np.pad(tables.offsets, ((0, 0), (1, 0))), weight)

    def residual(self, step: Step, target: NDArray[np.float32]) -> I32Map:
        """Choose residuals (n,) of the coded positions towards latents `target` (C, h, w)."""
        coded = step.coded
        width = np.broadcast_to(step.step, coded.shape)[coded].astype(np.float32) / 16
        mu, mean = step.mu[coded] / np.float32(2), step.mean[coded] / np.float32(DEVIATION_ONE)
        v = (target[coded] - mu) / width - mean
        t = step.scale_idx[coded]
        high = np.ceil(np.abs(v)).astype(np.int32)
        best = np.zeros_like(high)
        best_cost = np.full(v.shape, np.inf, np.float32)
        half = (self.costs.shape[1] - 2) // 2
        sign = np.sign(v).astype(np.int32)
        unescaped = np.minimum(high, self.bounds[t])
        for candidate in (np.zeros_like(high), unescaped, np.maximum(high - 1, 0), high):
            r = sign * np.minimum(candidate, RESIDUAL_MAX)
            pull = self.offsets[t, np.minimum(candidate, 2)] / np.float32(DEVIATION_ONE)
            error = np.abs(v) - candidate + pull
            place = np.where(candidate > half, 2 * half + 1, r + half)
            cost = self.weight * error * error + self.costs[t, place]
            better = cost < best_cost
            best[better], best_cost[better] = r[better], cost[better]
        return best

    def bits(self, tables: I32Map, residual: I32Map) -> float:
        """Estimate the bits of residuals (n,) under tables (n,)."""
        half = (self.costs.shape[1] - 2) // 2
        place = np.where(np.abs(residual) > half, 2 * half + 1, residual + half)
        return float(self.costs[tables, place].sum())
