# SPDX-License-Identifier: Apache-2.0
"""Enhancement of a tile: samples that are exact, or within max_error, from a sub-stream."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refdec.arrays import BoolMap, I32Map, I64Map
from refdec.clause import clause
from refdec.lossless.adaptation import MeanTracker, level
from refdec.lossless.match import ColourMemory, Matcher
from refdec.lossless.prediction import Predictor
from refdec.lossless.tables import LosslessTables
from refdec.lossless.wave import Grid
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import FINITE_MAX, FINITE_MIN

CODING_ORDER = (1, 0, 2)
"""Green, red, blue; other components are coded as they stand."""
MEAN_BITS = 6
NUM_ACTIVITIES = 32
LOW_BITS_LEVEL = 33
"""Low bits are coded apart where the level of the mean is at least 4 more."""
NUM_OTHERS = 4


@dataclass(frozen=True, kw_only=True)
class SampleFormat:
    """What the samples are and how exact they become."""

    bit_depth: int
    max_error: int
    is_float: bool = False
    is_ycc: bool = False

    @classmethod
    def of(cls, header: PictureHeader, max_error: int) -> "SampleFormat":
        """Take the format of a picture."""
        return cls(
            bit_depth=header.bit_depth,
            max_error=max_error,
            is_float=bool(header.sample_float_flag),
            is_ycc=bool(header.ycc_flag),
        )

    @property
    def minimum(self) -> int:
        """Smallest sample."""
        return FINITE_MIN if self.is_float else 0

    @property
    def maximum(self) -> int:
        """Largest sample."""
        return FINITE_MAX if self.is_float else self.mask

    @property
    def mask(self) -> int:
        """Bits of a sample."""
        return (1 << self.bit_depth) - 1

    def order(self, components: int) -> tuple[int, ...]:
        """Order in which components are coded."""
        return (
            CODING_ORDER
            if components == len(CODING_ORDER) and not self.is_ycc
            else tuple(range(components))
        )

    @property
    def step(self) -> int:
        """Distance of the samples that a prediction allows."""
        return 2 * self.max_error + 1

    @property
    def num_residuals(self) -> int:
        """Different residuals that a prediction needs."""
        return (self.maximum - self.minimum + 2 * self.max_error) // self.step + 1


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the entropy decoder, with what an encoder needs to answer it."""

    component: int | None
    """None for matches."""
    positions: I64Map
    """(n), flat indices in the grid."""
    prediction: I64Map
    """(n): predicted samples, or expected colours."""
    tables: I64Map
    """(n), frequency table of each symbol."""
    low_bits: I64Map | None = None
    """(n), low bits of each residual that are coded apart; None for matches."""


Source = Callable[[Call], I32Map]
"""Gives the symbols (n) of a call."""


@clause("12.2")
def decode_tile_samples(
    *,
    tables: LosslessTables,
    sample_format: SampleFormat,
    grid: Grid,
    components: int,
    base: I32Map | None,
    with_matches: bool,
    source: Source,
) -> I32Map:
    """Decode one tile.

    Parameters
    ----------
    base : (C, height, width), the lossy picture, or None.
    with_matches : whether repeated pixels are looked for.
    source : gives the residuals; the encoder's one chooses them.

    Returns
    -------
    (C, height, width), 0 to 2**bit_depth - 1.
    """
    order = sample_format.order(components)
    depth, shift = sample_format.bit_depth, sample_format.bit_depth - 8
    low, high = sample_format.minimum, sample_format.maximum
    flat_base = np.zeros((components, grid.size), np.int64)
    if base is not None:
        grid.inside(flat_base)[:] = base[list(order)]
    predictor = Predictor(
        grid,
        components,
        start=0 if base is not None else 1 << (depth - 1),
        with_base=base is not None,
        shift=shift,
        is_ycc=sample_format.is_ycc,
    )
    contexts = [ResidualContext(grid, tables, shift) for _ in order]
    matcher = Matcher(grid) if with_matches else None
    memories = [ColourMemory(contexts[0].means.size) for _ in order[1:]]
    for t, wave in grid.waves():
        predictor.begin_wave(wave)
        miss = np.ones(wave.size, np.bool_)
        expected = np.zeros(wave.size, np.int64)
        if matcher is not None:
            expected, misses = _decode_matches(matcher, wave, tables, source)
            miss = misses[1]
        colour = np.zeros(wave.size, np.int64)
        others: list[I64Map] = []
        for component in range(components):
            offset = flat_base[component, wave]
            context = contexts[component]
            context.begin_wave(wave, predictor.taps[component], others)
            prediction = np.clip(predictor.predict_component(component) + offset, low, high)
            if with_matches and component:
                memory = memories[component - 1]
                prediction = memory.recall_samples(colour, prediction, context.context)
            matched = (expected >> (depth * (components - 1 - component))) & sample_format.mask
            sample = np.where(miss, prediction, np.clip(matched, low, high))
            call = Call(
                component=order[component],
                positions=wave[miss],
                prediction=prediction[miss],
                **context.coding(miss),
            )
            residual = source(call).astype(np.int64)
            context.means.update_means(context.context[miss], np.abs(residual))
            sample[miss] = reconstruct_samples(
                prediction=call.prediction, residual=residual, sample_format=sample_format
            )
            if with_matches and component:
                memory.remember(sample, miss)
            error = np.abs(sample - prediction)
            context.error[wave] = error
            others.append(error)
            predictor.update_prediction(component, sample - offset)
            colour = colour << depth | sample
        predictor.grid.extend_margins(predictor.signal, t)
        if matcher is not None:
            matcher.update_matches(colour, misses)
    decoded = grid.inside(predictor.signal) + grid.inside(flat_base)
    return decoded[np.argsort(order)].astype(np.int32)


def _decode_matches(
    matcher: Matcher, wave: I64Map, tables: LosslessTables, source: Source
) -> tuple[I64Map, BoolMap]:
    """Decode which expectation each position of a wave meets.

    Returns (n), the colours of those that meet one, and (2, n), who missed the first, and both.
    """
    expected, levels = matcher.match_wave(wave)
    misses = np.ones((2, wave.size), np.bool_)
    asked = np.ones(wave.size, np.bool_)
    for rank in (0, 1):
        call = Call(
            component=None,
            positions=wave[asked],
            prediction=expected[rank][asked],
            tables=tables.match_tables(levels[rank][asked]),
        )
        misses[rank][asked] = source(call) != 0
        if rank == 0:
            misses[1] = asked = misses[0].copy()
    return np.where(misses[0], expected[1], expected[0]), misses


@clause("12.7")
def reconstruct_samples(
    *, prediction: I64Map, residual: I64Map, sample_format: SampleFormat
) -> I64Map:
    """Add residuals to predictions; what leaves the range of samples comes back at its other end.

    Parameters
    ----------
    prediction : (n), samples.
    residual : (n), within half of the number of residuals.
    """
    error, step = sample_format.max_error, sample_format.step
    value = prediction + residual * step
    period = sample_format.num_residuals * step
    low, high = sample_format.minimum, sample_format.maximum
    value += np.where(value < low - error, period, 0)
    value -= np.where(value > high + error, period, 0)
    sample: I64Map = np.clip(value, low, high)
    return sample


class ResidualContext:
    """How uncertain the residuals of one component are: the activity around each position."""

    def __init__(self, grid: Grid, tables: LosslessTables, shift: int) -> None:
        self._shift, self._tables = shift, tables
        self.error = np.zeros(grid.size, np.int64)
        """Magnitude of the prediction error of every position."""
        self._past = grid.offsets(((0, -1), (-1, 0), (-1, -1), (-1, 1), (-2, 0), (0, -2)))
        self.means = MeanTracker(tables.start_means << shift, MEAN_BITS)

    @clause("12.8.4")
    def begin_wave(self, wave: I64Map, taps: I64Map, others: list[I64Map]) -> None:
        """Derive the context of each position.

        Parameters
        ----------
        wave : (n), flat indices.
        taps : (taps, n), decoded neighbours.
        others : errors of the components before, each (n).
        """
        w, n, nw, ne, nn, ww = taps[:6]
        e = self.error[wave + self._past]
        gradient = abs(w - nw) + abs(n - nw) + abs(ne - n) + abs(w - ww) + abs(n - nn)
        activity = 4 * (2 * (e[0] + e[1]) + e[2] + e[3] + e[4] + e[5]) + gradient
        other = np.zeros_like(w)
        if others:
            activity += (8 // len(others)) * sum(others)
            other = np.minimum(level(others[-1] >> self._shift) >> 2, NUM_OTHERS - 1)
        activity = np.minimum(level(activity >> self._shift) >> 1, NUM_ACTIVITIES - 1)
        self.context = activity * NUM_OTHERS + other

    @clause("12.8.5")
    def coding(self, coded: BoolMap) -> dict[str, I64Map]:
        """Choose frequency tables and numbers of low bits for the coded positions."""
        levels = self.means.mean_levels(self.context[coded])
        low_bits = np.clip((levels - LOW_BITS_LEVEL) >> 2, 0, self._shift)
        tables = self._tables.residual_tables(levels - 4 * low_bits)
        return {"tables": tables, "low_bits": low_bits}


@clause("12.2.2")
def split_residual(residual: I64Map, low_bits: I64Map) -> tuple[I64Map, I64Map]:
    """Cut residuals (n) into a rounded multiple of 2**low_bits, and what is left."""
    high = (residual + ((1 << low_bits) >> 1)) >> low_bits
    return high, residual - (high << low_bits)
