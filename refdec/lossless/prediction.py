# SPDX-License-Identifier: Apache-2.0
"""Prediction of samples: simple predictors, each weighted by how well it did nearby."""

import numpy as np

from refdec.arrays import I64Map
from refdec.clause import clause
from refdec.lossless.wave import NE, NN, NW, WW, Grid, N, W

TAPS = (W, N, NW, NE, NN, WW, (-2, 1), (-2, -1), (-1, -2), (-2, 2))
LINEAR = np.array((204, 144, -107, 39, -19, -26, -9, 14, 12, 4), np.int64)
"""Weights of TAPS in the linear predictor, in 1/256."""
PAST = (W, N, NW, NE, NN, WW)
"""Where errors are looked at."""
NUM_PREDICTORS = 6
WEIGHT_BITS = 24
WEIGHTS = (1 << WEIGHT_BITS) // np.arange(1, 257, dtype=np.int64) ** 3 + 1
"""Weight of a predictor by the sum of its errors nearby."""
MEDIAN, LINE, PLANE, GRADIENT, ABOVE, LEFT = range(6)
OWN = (
    (MEDIAN, LINE, PLANE, GRADIENT, ABOVE, LEFT),
    (MEDIAN, LINE, LINE, MEDIAN, LINE, LEFT),
    (MEDIAN, LINE, LINE, LINE, LINE, LEFT),
)
"""By component in coding order: what each of the predictors takes from its own plane."""
ALONE = (OWN[0],) * 3
"""The same where components do not help one another."""


class Predictor:
    """The state of the prediction of one tile.

    Parameters
    ----------
    grid : the tile.
    components : 1 or 3.
    start : value of the margins before anything is decoded.
    with_base : whether differences from a base picture are predicted, which are around 0.
    shift : bit depth minus 8.
    is_ycc : whether components are predicted without one another.
    """

    def __init__(
        self,
        grid: Grid,
        components: int,
        *,
        start: int,
        with_base: bool,
        shift: int,
        is_ycc: bool = False,
    ) -> None:
        self.grid, self.with_base, self.shift, self.is_ycc = grid, with_base, shift, is_ycc
        self.signal = np.full((components, grid.size), start, np.int64)
        """What is predicted: samples, or their differences from the base."""
        self._errors = np.zeros((components, NUM_PREDICTORS, grid.size), np.int32)
        self._taps, self._past = grid.offsets(TAPS), grid.offsets(PAST)

    def begin_wave(self, wave: I64Map) -> None:
        """Compute what the positions (n) of a wave know before their samples."""
        self.wave = wave
        self.taps = self.signal.take(wave + self._taps, axis=1)
        self.own = self._own_predictions(self.taps)
        past = self._errors.take(wave + self._past, axis=2).sum(axis=2, dtype=np.int32)
        self.weights = WEIGHTS.take(past >> self.shift, mode="clip")
        self._totals = self.weights.sum(axis=1)
        self.innovation: list[I64Map] = []

    @clause("12.5.1")
    def _own_predictions(self, taps: I64Map) -> I64Map:
        """Predict from the own plane; (C, taps, n) to (C, 6, n)."""
        w, n, nw, ne = (taps[:, i] for i in range(4))
        own = np.empty((len(taps), NUM_PREDICTORS, w.shape[1]), np.int64)
        low, high = np.minimum(w, n), np.maximum(w, n)
        own[:, MEDIAN] = np.minimum(np.maximum(w + n - nw, low), high)
        own[:, LINE] = ((taps * LINEAR[:, None]).sum(axis=1) + 128) >> 8
        own[:, PLANE] = w + ne - n
        own[:, GRADIENT] = (2 * (w + n) + ne - nw) >> 2
        own[:, ABOVE] = n
        own[:, LEFT] = 0 if self.with_base else w
        return own

    @clause("12.5.2")
    def predict_component(self, component: int) -> I64Map:
        """Blend the predictors of a component, in coding order; gives (n)."""
        self.candidates = self.own[component, (ALONE if self.is_ycc else OWN)[component]]
        if component and not self.is_ycc:
            mean = sum(self.innovation) >> (component - 1)
            for predictor, gain in ((0, mean), (1, mean), (2, mean >> 1), (5, mean)):
                self.candidates[predictor] += gain
            if component > 1:
                self.candidates[3] += self.innovation[0]
        weighted = (self.weights[component] * self.candidates).sum(axis=0)
        total = self._totals[component]
        blend: I64Map = (weighted + (total >> 1)) // total
        return blend

    @clause("12.5.3")
    def update_prediction(self, component: int, signal: I64Map) -> None:
        """Take what was decoded at the wave's positions; (n)."""
        self.signal[component, self.wave] = signal
        self.innovation.append(signal - self.own[component, LINE])
        self._errors[component][:, self.wave] = np.abs(signal - self.candidates)
