# SPDX-License-Identifier: Apache-2.0
"""Search of the quality that gives a rate, with a model of the rate that learns from each trial."""

import math

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I16Map

F32 = NDArray[np.float32]
RATE_WEIGHT = 8.5
"""Bits per squared quantisation step: nearly the 6 / ln 2 of fine uniform quantisation."""
WEIGHT_PER_QUALITY = 0.3
"""By how much the log of the weight changes the rate as one quality does."""
BELOW = -4.0
"""Lowest level: quality 0 at a smaller weight."""
LEVEL_PITCH = 1 / 16
MODEL_POSITIONS = 1024
"""Latent positions that the model looks at."""
MODEL_SHARE = 1.0
"""Rate per bit of the model, where no trial has told yet."""
AIM, ENOUGH = 0.98, 0.95
"""Share of the target rate that is aimed at, and that ends the search."""
MAX_TRIALS = 7


def quality_of(level: float) -> tuple[int, float]:
    """Return the quality index nearest to a level, and the quantiser's weight for the rest."""
    quality = max(math.floor(level + 0.5), 0)
    return quality, RATE_WEIGHT * math.exp(WEIGHT_PER_QUALITY * (level - quality))


def model_bits(y: F32, steps: I16Map) -> NDArray[np.float64]:
    """Return a rough log2 of the bits per pixel of a latent (C, h, w) at each quality, (Q,).

    Each coefficient counts as a Gaussian variable of its own size, quantised with its step.

    Parameters
    ----------
    steps : (Q, C), quantisation steps, 1/16 units.
    """
    flat = y.reshape(y.shape[0], -1)
    part = flat[:, :: max(1, flat.shape[1] // MODEL_POSITIONS)] * np.float32(16)
    fourth = part**4
    anchors = [*range(0, len(steps) - 1, 4), len(steps) - 1]
    scale = 1 / steps[anchors].astype(np.float32) ** 4
    bits = [float(np.log2(1 + fourth * s[:, None]).mean()) for s in scale]
    bpp = MODEL_SHARE * y.shape[0] / 256 * np.maximum(bits, 1e-6)
    modelled: NDArray[np.float64] = np.interp(np.arange(len(steps)), anchors, np.log2(bpp))
    return modelled


class RateSearch:
    """Proposes levels, highest first wanted, whose rate is at most a target."""

    def __init__(self, model: NDArray[np.float64], *, target: float) -> None:
        """Take log2 of the modelled bits per pixel at each quality (Q,), and the target."""
        self.highest = len(model) - 1
        self.levels = np.arange(BELOW, self.highest + LEVEL_PITCH, LEVEL_PITCH)
        slope = model[1] - model[0]
        extended = np.concatenate([[model[0] + BELOW * slope], model])
        places = np.concatenate([[BELOW], np.arange(len(model))])
        self.model: NDArray[np.float64] = np.interp(self.levels, places, extended)
        self.target = target
        self.trials: dict[float, float] = {}

    def add(self, level: float, bpp: float) -> None:
        """Learn the rate of a level."""
        self.trials[level] = bpp

    def propose(self) -> float | None:
        """Return the level to try next, None when the best has been tried."""
        fit = [level for level, bpp in self.trials.items() if bpp <= self.target]
        over = [level for level, bpp in self.trials.items() if bpp > self.target]
        if fit and (
            len(self.trials) >= MAX_TRIALS
            or max(self.trials[level] for level in fit) >= ENOUGH * self.target
        ):
            return None
        first = max(fit, default=BELOW - 1)
        last = min(over, default=self.highest + 1)
        inside = np.flatnonzero((self.levels > first) & (self.levels < last))
        if not inside.size:
            return None
        if len(self.trials) >= MAX_TRIALS:
            return float(self.levels[0])
        low_enough = self._predicted()[inside] <= math.log2(AIM * self.target)
        return float(self.levels[inside][max(int(np.count_nonzero(low_enough)) - 1, 0)])

    def _predicted(self) -> NDArray[np.float64]:
        """Return log2 of the bits per pixel at each level: the model, and its errors between."""
        if not self.trials:
            return self.model
        tried = sorted(self.trials)
        rates = np.log2(np.array([self.trials[level] for level in tried]))
        errors: NDArray[np.float64] = rates - np.interp(np.array(tried), self.levels, self.model)
        between: NDArray[np.float64] = np.interp(self.levels, tried, errors)
        return self.model + between
