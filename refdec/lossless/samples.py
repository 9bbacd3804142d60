# SPDX-License-Identifier: Apache-2.0
"""Enhancement of a tile: samples that are exact, or within max_error, from a sub-stream."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refdec.arrays import BoolMap, I32Map, I64Map
from refdec.clause import clause
from refdec.lossless.adaptation import MeanTracker, level
from refdec.lossless.match import ColourMemory, Matcher
from refdec.lossless.prediction import TAPS, Predictor
from refdec.lossless.tables import LosslessTables
from refdec.lossless.wave import NE, NN, NW, WW, Grid, N, W
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
    """(n), low bits of each residual that are coded apart; None for matches, or if all are 0."""


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
    contexts = ResidualContext(grid, components, tables, shift)
    matcher = Matcher(grid) if with_matches else None
    memories = [ColourMemory(tables.start_means.size) for _ in order[1:]]
    for t, wave in grid.waves():
        predictor.begin_wave(wave)
        contexts.begin_wave(wave, predictor.taps)
        base_samples = flat_base[:, wave]
        coded: slice | BoolMap = slice(None)
        if matcher is not None:
            expected, misses = _decode_matches(matcher, wave, tables, source)
            coded = misses[1]
        colour = np.zeros(wave.size, np.int64)
        for component in range(components):
            context = contexts.of_component(component)
            prediction = predictor.predict_component(component) + base_samples[component]
            prediction = np.minimum(np.maximum(prediction, low), high)
            if matcher is not None and component:
                memory = memories[component - 1]
                prediction = memory.recall_samples(colour, prediction, context)
            means = contexts.means[component]
            choice, low_bits = contexts.choose_tables(means, context[coded])
            call = Call(
                component=order[component],
                positions=wave[coded],
                prediction=prediction[coded],
                tables=choice,
                low_bits=low_bits,
            )
            residual = source(call).astype(np.int64)
            means.update_means(context[coded], np.abs(residual))
            sample = prediction.copy()
            if matcher is not None:
                matched = expected >> (depth * (components - 1 - component)) & sample_format.mask
                sample = np.minimum(np.maximum(matched, low), high)
            sample[coded] = reconstruct_samples(
                prediction=call.prediction, residual=residual, sample_format=sample_format
            )
            if matcher is not None and component:
                memory.remember(sample, misses[1])
            contexts.take_errors(component, np.abs(sample - prediction))
            predictor.update_prediction(component, sample - base_samples[component])
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
    value += period * (value < low - error)
    value -= period * (value > high + error)
    sample: I64Map = np.minimum(np.maximum(value, low), high)
    return sample


class ResidualContext:
    """How uncertain the residuals are: the activity around each position, by component."""

    GRADIENT = ((W, W, N, NE, N), (NW, WW, NW, N, NN))
    """Neighbours whose differences are looked at."""

    def __init__(self, grid: Grid, components: int, tables: LosslessTables, shift: int) -> None:
        self._shift = shift
        self._errors = np.zeros((components, grid.size), np.int64)
        """Magnitude of the prediction error of every position."""
        self._past = grid.offsets((W, N, NW, NE, NN, WW))
        self._from, self._to = ([TAPS.index(tap) for tap in side] for side in self.GRADIENT)
        self._tables = tables
        start_means = tables.start_means << shift
        self.means = [MeanTracker(start_means, MEAN_BITS) for _ in range(components)]

    @clause("12.8.4")
    def begin_wave(self, wave: I64Map, taps: I64Map) -> None:
        """Derive the activity of each position, for what is known before the wave.

        Parameters
        ----------
        wave : (n), flat indices.
        taps : (C, taps, n), decoded neighbours.
        """
        self._wave = wave
        past = self._errors.take(wave + self._past, axis=1)
        gradient = np.abs(taps[:, self._from] - taps[:, self._to]).sum(axis=1)
        self._activity = 8 * (past[:, 0] + past[:, 1]) + 4 * past[:, 2:].sum(axis=1) + gradient
        self._others: list[I64Map] = []

    def of_component(self, component: int) -> I64Map:
        """Complete the contexts (n) of a component with the errors of those before it."""
        activity, other = self._activity[component], 0
        if self._others:
            activity = activity + (8 // len(self._others)) * sum(self._others)
            last = level(self._others[-1] >> self._shift) >> 2
            other = np.minimum(last, NUM_OTHERS - 1)
        activity = np.minimum(level(activity >> self._shift) >> 1, NUM_ACTIVITIES - 1)
        context: I64Map = activity * NUM_OTHERS + other
        return context

    @clause("12.8.5")
    def choose_tables(self, means: MeanTracker, context: I64Map) -> tuple[I64Map, I64Map | None]:
        """Choose the frequency tables (n) of residuals, and their numbers of low bits (n).

        The latter is None where samples of 8 bits have none.
        """
        levels = means.mean_levels(context)
        if not self._shift:
            return self._tables.residual_tables(levels), None
        low_bits = np.minimum(np.maximum((levels - LOW_BITS_LEVEL) >> 2, 0), self._shift)
        return self._tables.residual_tables(levels - 4 * low_bits), low_bits

    def take_errors(self, component: int, errors: I64Map) -> None:
        """Keep the magnitudes (n) of a component's prediction errors."""
        self._errors[component, self._wave] = errors
        self._others.append(errors)


@clause("12.2.2")
def split_residual(residual: I64Map, low_bits: I64Map) -> tuple[I64Map, I64Map]:
    """Cut residuals (n) into a rounded multiple of 2**low_bits, and what is left."""
    high = (residual + ((1 << low_bits) >> 1)) >> low_bits
    return high, residual - (high << low_bits)
