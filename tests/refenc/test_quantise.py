# SPDX-License-Identifier: Apache-2.0
"""The encoder's quantiser against a search through its candidates, one residual at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdec.entropy.context import Step, dequantise, derive_deviation
from refdec.entropy.residual import RESIDUAL_MAX
from refdec.entropy.tables import ResidualTables, load_residual_tables
from refenc.masking import CLASSES, weights_of_classes
from refenc.quantise import PER_STEP, Quantiser
from refenc.rate import RATE_WEIGHT

TABLES = load_residual_tables()
OFFSET_TABLES = ResidualTables(
    tables=TABLES.tables, skip_threshold=0, offsets=np.tile(np.int32([5, 3]), (80, 1))
)
UNMASKED = np.int32([[CLASSES // 2]])
ESCAPE_BITS = 12
"""What the quantiser takes an escaped value to cost beyond its symbol."""


def make_step(scale_idx: NDArray[np.int32], seed: int = 0) -> Step:
    """A step with everything coded, (n, 1, 1), and some mean, hyper mean and quantisation step."""
    rng = np.random.default_rng(seed)
    shape = (len(scale_idx), 1, 1)
    return Step(
        group=0,
        phase=0,
        coded=np.ones(shape, np.bool_),
        scale_idx=scale_idx.reshape(shape),
        mean=rng.integers(-99, 99, shape).astype(np.int32),
        mu=rng.integers(-99, 99, shape).astype(np.int32),
        step=rng.integers(1, 4095, shape).astype(np.int32),
    )


def target_of(step: Step, steps: NDArray[np.float64]) -> NDArray[np.float32]:
    """Latents that lie so many quantisation steps from the prediction."""
    deviation = steps.reshape(step.mean.shape) + step.mean / 32
    return (step.mu / 2 + deviation * step.step / 16).astype(np.float32)


def cost(
    tables: ResidualTables, weight: float, scale_idx: int, value: float, residual: int
) -> float:
    """Weighted squared error plus bits, from the tables alone."""
    bound = int(tables.tables.bounds[scale_idx])
    offset = int(tables.offsets[scale_idx, min(abs(residual), 2) - 1]) if residual else 0
    error = abs(value) - (abs(residual) - offset / 32)
    symbol = residual + bound if abs(residual) <= bound else 2 * bound + 1
    bits = 12 - math.log2(tables.tables.frequencies[scale_idx, symbol])
    return weight * error**2 + bits + (ESCAPE_BITS if abs(residual) > bound else 0)


@pytest.mark.parametrize("tables", [TABLES, OFFSET_TABLES], ids=["shipped", "offsets"])
@pytest.mark.parametrize("weight", [0.01, RATE_WEIGHT, 1e4])
def test_the_cheapest_candidate_is_taken(tables: ResidualTables, weight: float) -> None:
    rng = np.random.default_rng(1)
    scale_idx = np.repeat(np.arange(80, dtype=np.int32), 12)
    sigma = 2 ** (scale_idx / 8 - 3.5)
    step = make_step(scale_idx)
    target = target_of(step, rng.laplace(size=scale_idx.size) * sigma)
    residual = Quantiser.of(tables, weight).residual(step, target, UNMASKED)
    assert residual.dtype == np.int32
    exact = (target - step.mu / 2) / step.step * 16 - step.mean / 32
    for t, value, chosen in zip(scale_idx, exact.ravel(), residual.tolist(), strict=True):
        high = math.ceil(abs(value))
        sign = int(np.sign(value))
        candidates = {0, min(high, int(tables.tables.bounds[t])), max(high - 1, 0), high}
        costs = {sign * c: cost(tables, weight, t, value, sign * c) for c in candidates}
        best = min(costs, key=costs.__getitem__)
        # Moving the value by half an entry of the look-up table changes a comparison by this.
        slack = 2 * weight * (abs(chosen - best) + 1) * (0.5 / PER_STEP + 1e-4) + 1e-3
        assert cost(tables, weight, t, value, chosen) <= costs[best] + slack


@given(steps=st.floats(-1e5, 1e5), scale_idx=st.integers(0, 79), seed=st.integers(0, 99))
def test_reconstruction_lies_within_a_step_or_is_zero(
    steps: float, scale_idx: int, seed: int
) -> None:
    step = make_step(np.array([scale_idx], np.int32), seed)
    target = target_of(step, np.array([steps]))
    residual = Quantiser.of(TABLES, RATE_WEIGHT).residual(step, target, UNMASKED)
    assert abs(residual[0]) <= RESIDUAL_MAX
    assert residual[0] * steps >= 0
    nearest = min(abs(steps), RESIDUAL_MAX)
    assert residual[0] == 0 or abs(abs(int(residual[0])) - nearest) <= 1 + 1e-2
    deviation = derive_deviation(
        residual=residual.reshape(1, 1, 1), mean=step.mean, scale_idx=step.scale_idx,
        offsets=np.zeros((80, 3), np.int32),
    )  # fmt: skip
    y_hat = dequantise(mu=step.mu, deviation=deviation, step=step.step)
    if residual[0] and abs(target.item()) < 2000 and abs(steps) < RESIDUAL_MAX:
        assert abs(y_hat.item() / 2 - target.item()) <= step.step.item() / 16 * 1.01 + 0.5


def test_a_high_weight_rounds_and_a_low_one_gives_zero() -> None:
    scale_idx = np.full(9, 40, np.int32)
    step = make_step(scale_idx)
    values = np.array([-3.6, -1.4, -0.6, -0.4, 0, 0.4, 0.6, 1.4, 3.6])
    target = target_of(step, values)
    rounded = Quantiser.of(TABLES, 1e6).residual(step, target, UNMASKED)
    assert rounded.tolist() == [-4, -1, -1, 0, 0, 0, 1, 1, 4]
    assert not Quantiser.of(TABLES, 1e-6).residual(step, target, UNMASKED)[1:-1].any()


def test_only_coded_positions_are_answered() -> None:
    step = make_step(np.full(6, 50, np.int32))
    coded = np.array([1, 0, 0, 1, 1, 0], np.bool_).reshape(6, 1, 1)
    partial = Step(**{**step.__dict__, "coded": coded})
    target = target_of(step, np.linspace(-9, 9, 6))
    quantiser = Quantiser.of(TABLES, RATE_WEIGHT)
    everywhere = quantiser.residual(step, target, UNMASKED)
    assert (
        quantiser.residual(partial, target, UNMASKED).tolist() == everywhere[coded.ravel()].tolist()
    )


def test_estimated_bits_are_those_of_the_tables() -> None:
    quantiser = Quantiser.of(TABLES, RATE_WEIGHT)
    tables, residual = np.array([8, 30, 79, 8]), np.array([0, -2, 255, 2])
    frequencies, bounds = TABLES.tables.frequencies, TABLES.tables.bounds
    symbols = [bounds[8], bounds[30] - 2, 2 * bounds[79], 2 * bounds[8] + 1]
    bits = sum(12 - math.log2(frequencies[t, s]) for t, s in zip(tables, symbols, strict=True))
    assert quantiser.bits(tables, residual) == pytest.approx(bits + ESCAPE_BITS)


def test_a_class_of_masking_has_a_weight_of_its_own() -> None:
    step = make_step(np.full(2 * CLASSES, 20, np.int32))
    wide = Step(
        **{
            name: value.reshape(2, 1, CLASSES) if isinstance(value, np.ndarray) else value
            for name, value in step.__dict__.items()
        }
    )
    steps = np.repeat([0.62, 9.6], CLASSES)
    target = target_of(step, steps).reshape(2, 1, CLASSES)
    classes = np.arange(CLASSES, dtype=np.int32)[None]
    masked = Quantiser.of(TABLES, RATE_WEIGHT).residual(wide, target, classes)
    for i, weight in enumerate(weights_of_classes(RATE_WEIGHT).tolist()):
        alone = Quantiser.of(TABLES, weight).residual(wide, target, UNMASKED)
        assert masked[[i, CLASSES + i]].tolist() == alone[[i, CLASSES + i]].tolist()
    assert len(set(masked[:CLASSES].tolist())) > 1
