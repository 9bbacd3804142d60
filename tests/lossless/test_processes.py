# SPDX-License-Identifier: Apache-2.0
"""The processes of the lossless tool, each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refdec
from refdec.arrays import I32Map
from refdec.enhancement import enhance_picture
from refdec.errors import ConstraintViolation
from refdec.lossless.adaptation import MeanTracker, level
from refdec.lossless.samples import (
    Call,
    ResidualContext,
    SampleFormat,
    reconstruct_samples,
    split_residual,
)
from refdec.lossless.tables import MAX_LOW_BITS, load_lossless_tables
from refdec.lossless.wave import Grid
from refdec.reconstruction import Region
from refdec.syntax.parser import parse_codestream
from refenc.exact import encode_exact
from refenc.lossless import SampleSource
from refenc.rans import encode_substream


@pytest.mark.clause("12.3")
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (5, 4), (4, 9)])
def test_waves_cover_every_position_after_its_neighbours(height: int, width: int) -> None:
    grid = Grid(height, width)
    number = np.full(grid.size, -1)
    for t, wave in grid.waves():
        assert (number[wave] == -1).all()
        number[wave] = t
    inside = grid.inside(number[None])[0]
    y, x = np.mgrid[:height, :width]
    assert np.array_equal(inside, x + 2 * y)


@pytest.mark.clause("12.4")
def test_margins_repeat_the_border() -> None:
    grid = Grid(3, 4)
    planes = np.zeros((1, grid.size), np.int64)
    for t, wave in grid.waves():
        planes[0, wave] = 1 + wave
        grid.extend_margins(planes, t)
    assert planes[0, grid.flat(1, -1)] == planes[0, grid.flat(0, 0)]
    assert planes[0, grid.flat(1, 4)] == planes[0, grid.flat(1, 6)] == planes[0, grid.flat(1, 3)]
    assert planes[0, grid.flat(-1, 3)] == planes[0, grid.flat(-2, 3)] == planes[0, grid.flat(0, 0)]


@pytest.mark.clause("12.8.1")
def test_levels_are_four_an_octave() -> None:
    assert level(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 1 << 40])).tolist()[:9] == [
        0, 4, 6, 8, 9, 10, 11, 12, 12,
    ]  # fmt: skip
    assert (np.diff(level(np.arange(1 << 14))) >= 0).all()
    for value in (0, 1, 6, 16382, 16383, 16384, 40000, (1 << 21) - 2, (1 << 21) - 1):
        exponent = (value + 1).bit_length() - 1
        expected = 4 * exponent + ((4 * (value + 1)) >> exponent) - 4
        assert level(np.array([value])).tolist() == [expected]


@pytest.mark.clause("12.8.3")
def test_means_follow_what_they_see() -> None:
    tracker = MeanTracker(np.array([64, 64]), 6)
    for _ in range(200):
        tracker.update_means(np.array([1, 1, 1]), np.array([8, 8, 8]))
    low, high = tracker.mean_levels(np.array([0, 1]))
    assert low == level(np.array([64]))[0]
    assert abs(high - level(np.array([8 * 64]))[0]) <= 1


@pytest.mark.clause("12.7")
@pytest.mark.parametrize("max_error", [0, 1, 5, 100, 255])
def test_every_sample_can_be_reached(max_error: int) -> None:
    sample_format = SampleFormat(bit_depth=8, max_error=max_error)
    prediction, sample = (a.ravel() for a in np.mgrid[:256, :256])
    error = sample - prediction
    count, step = sample_format.num_residuals, sample_format.step
    residual = np.sign(error) * ((np.abs(error) + max_error) // step)
    folded = (residual + count // 2) % count - count // 2
    decoded = reconstruct_samples(
        prediction=prediction, residual=folded, sample_format=sample_format
    )
    assert np.abs(decoded - sample).max() <= max_error


@pytest.mark.parametrize(("component", "requirement"), [(None, "SOE-005"), (1, "SOE-006")])
def test_symbols_out_of_range_are_refused(
    component: int | None, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = SampleSource.__call__

    def spoil(self: SampleSource, call: Call) -> I32Map:
        symbols = answer(self, call)
        if call.component == component and symbols.size:
            self.calls[-1] = (call.tables, np.full_like(symbols, 2 if component is None else 130))
        return symbols

    samples = np.tile(np.array([[0, 0, 255, 9]], np.uint8), (3, 4, 4))
    monkeypatch.setattr(SampleSource, "__call__", spoil)
    data = encode_exact(samples)
    with pytest.raises(ConstraintViolation) as caught:
        refdec.decode(data)
    assert caught.value.requirement == requirement


def test_tables_are_as_many_as_the_levels_need() -> None:
    tables = load_lossless_tables()
    assert tables.match_tables(np.array([0, 999])).tolist() == [0, tables.num_match - 1]
    assert tables.residual_tables(np.array([0, 999])).tolist() == [
        tables.num_match,
        tables.num_match + tables.num_residual - 1,
    ]
    low = tables.low_tables(np.arange(1, MAX_LOW_BITS + 1))
    assert low.tolist() == list(range(tables.num_match + tables.num_residual, low[-1] + 1))
    assert low[-1] == len(tables.tables.bounds) - 1
    for bits, table in enumerate(low, start=1):
        values = 1 << bits
        frequencies = tables.tables.frequencies[table][: values + 2]
        assert tables.tables.bounds[table] == values // 2
        assert frequencies[-2:].tolist() == [1, 1]
        assert np.ptp(frequencies[:values]) <= 1


@pytest.mark.clause("12.2.2")
@given(st.integers(-(1 << 15), 1 << 15), st.integers(0, MAX_LOW_BITS))
def test_split_residuals_are_put_together_again(residual: int, bits: int) -> None:
    high, low = split_residual(np.array([residual]), np.array([bits]))
    assert (high << bits) + low == residual
    assert -(1 << bits) // 2 <= low < max((1 << bits) // 2, 1)
    assert abs(high * (1 << bits) - residual) <= (1 << bits) // 2


@pytest.mark.clause("12.8.5")
@pytest.mark.parametrize(
    ("mean", "shift", "bits"), [(12, 8, 1), (8, 8, 0), (2500, 8, 8), (30000, 8, 8), (2500, 0, 0)]
)
def test_low_bits_follow_the_mean(mean: int, shift: int, bits: int) -> None:
    tables, context = load_lossless_tables(), np.array([5])
    contexts = ResidualContext(Grid(2, 2), 1, tables, shift)
    for _ in range(300):
        contexts.means[0].update_means(context, np.array([mean]))
    chosen, low_bits = contexts.choose_tables(contexts.means[0], context)
    levels = contexts.means[0].mean_levels(context) - 4 * bits
    assert chosen.tolist() == tables.residual_tables(levels).tolist()
    assert (low_bits is None) == (shift == 0)
    if low_bits is not None:
        assert low_bits.tolist() == [bits]


@pytest.mark.clause("12.2")
@pytest.mark.parametrize(
    ("components", "is_ycc", "order"),
    [(1, False, (0,)), (3, False, (1, 0, 2)), (3, True, (0, 1, 2)), (2, True, (0, 1))],
)
def test_components_are_coded_in_order(
    components: int, is_ycc: bool, order: tuple[int, ...]
) -> None:
    assert SampleFormat(bit_depth=8, max_error=0, is_ycc=is_ycc).order(components) == order


@pytest.mark.clause("12.1")
def test_only_tiles_at_hand_are_enhanced() -> None:
    stream = parse_codestream(encode_exact(np.full((3, 8, 8), 9, np.uint8)))
    samples = [np.full((3, 8, 8), 7, np.int32)]
    cut = type(stream)(**{**vars(stream), "enhancement": ()})
    region = Region(0, 0, 8, 8)
    (kept,) = enhance_picture(codestream=cut, region=region, samples=samples)
    assert (kept == 7).all()
    (enhanced,) = enhance_picture(codestream=stream, region=region, samples=None)
    assert (enhanced == 9).all()
    assert encode_substream([], lanes=1, tables=load_lossless_tables().tables) == b""
