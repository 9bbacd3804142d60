# SPDX-License-Identifier: Apache-2.0
"""The search of a rate, against encoders whose rate is a known function of the level."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refenc.rate import BELOW, MAX_TRIALS, RATE_WEIGHT, RateSearch, model_bits, quality_of

MODEL = np.linspace(-5, 2, 64)


def run(rate: Callable[[float], float], target: float) -> dict[float, float]:
    """Search until nothing is proposed; the rate of each level that was tried."""
    search = RateSearch(MODEL, target=target)
    while (level := search.propose()) is not None:
        assert level not in search.trials
        search.add(level, rate(level))
    return search.trials


@given(
    target=st.floats(0.06, 2),
    octaves=st.floats(-1.5, 1.5),
    slope=st.floats(0.07, 0.16),
    bend=st.floats(-0.0005, 0.0005),
)
def test_a_smooth_rate_is_found_in_few_trials(
    target: float, octaves: float, slope: float, bend: float
) -> None:
    def rate(level: float) -> float:
        return float(2 ** (-4 + octaves + slope * level + bend * level**2))

    trials = run(rate, target)
    assert 1 <= len(trials) <= MAX_TRIALS
    if rate(BELOW) <= target < rate(63):
        assert len(trials) <= 5
        assert 0.94 * target <= max(bpp for bpp in trials.values() if bpp <= target)


@pytest.mark.parametrize(("target", "end"), [(1e-4, BELOW), (99.0, 63.0)])
def test_a_rate_out_of_reach_ends_the_search_at_the_end_of_the_levels(
    target: float, end: float
) -> None:
    assert end in run(lambda level: float(2 ** (level / 10 - 4)), target)


def test_a_coarse_rate_ends_the_search_with_one_that_fits() -> None:
    trials = run(lambda level: 0.3 if level < 20 else 0.8, target=0.5)
    assert 0.3 in trials.values()
    assert len(trials) <= MAX_TRIALS


def test_an_unpredictable_rate_ends_at_the_lowest_level() -> None:
    rng = np.random.default_rng(0)
    trials = run(lambda level: 0.1 if level == BELOW else rng.uniform(1, 9), target=0.5)
    assert trials[BELOW] == 0.1
    assert len(trials) <= MAX_TRIALS + 1


def test_levels_are_qualities_and_the_weight_lies_between() -> None:
    assert quality_of(17.0) == (17, RATE_WEIGHT)
    assert quality_of(BELOW)[0] == 0
    below, above = quality_of(17.4375), quality_of(17.5)
    assert (below[0], above[0]) == (17, 18)
    assert above[1] < RATE_WEIGHT < below[1]
    assert quality_of(BELOW)[1] < above[1]


def test_the_model_grows_with_quality_and_with_the_latent() -> None:
    rng = np.random.default_rng(1)
    y = rng.laplace(size=(32, 9, 7)).astype(np.float32) * 40
    steps = np.geomspace(3000, 40, 64).astype(np.int16)[:, None].repeat(32, 1)
    bits = model_bits(y, steps)
    assert bits.shape == (64,)
    assert (np.diff(bits) > 0).all()
    assert (model_bits(2 * y, steps) > bits).all()
    assert np.isfinite(model_bits(0 * y, steps)).all()
    assert math.isclose(bits[0], model_bits(np.tile(y, (1, 2, 1)), steps)[0], rel_tol=1e-5)
