# SPDX-License-Identifier: Apache-2.0
"""The context process of a tile: its formulas, its order, and a literal second implementation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdec.codec import Codec, get_codec
from refdec.entropy.context import (
    STEP_MAX,
    Step,
    decode_tile_latent,
    dequantise,
    derive_deviation,
    derive_scale_idx,
    step_map,
)
from refdec.network import run_network
from refenc.encode import MODEL_SET

IntMap = NDArray[np.int32]
Residual = Callable[[Step], IntMap]
OFFSETS = np.array([[0, 3, 5], [0, 1, 0], [0, 31, 16]], np.int32)


class Source:
    """A tile of any residuals, and of any block transforms, or of the first alone."""

    def __init__(self, residual: Residual, seed: int | None = None) -> None:
        self.residual, self.seed = residual, seed

    def transform_idx(self, tables: IntMap) -> IntMap:
        if self.seed is None:
            return np.zeros_like(tables)
        count = get_codec(MODEL_SET, "numpy").context.transforms.num_transforms
        return np.random.default_rng(self.seed).integers(0, count, tables.size).astype(np.int32)


def scalar(value: int) -> IntMap:
    return np.array([[[value]]], np.int32)


# -- formulas -------------------------------------------------------------------------------------


@pytest.mark.clause("8.4.2")
@pytest.mark.parametrize(
    ("scale", "index"),
    [
        (-2047, 0),
        (-225, 0),
        (-224, 0),  # 2**-3.5
        (-217, 0),
        (-216, 1),
        (-160, 8),  # 2**-2.5
        (0, 28),
        (64, 36),  # an octave is 8 indices
        (408, 79),
        (416, 79),
        (2047, 79),
    ],
)
def test_scale_index_by_hand(scale: int, index: int) -> None:
    result = derive_scale_idx(scale=scalar(scale))
    assert result.dtype == np.int32
    assert result.item() == index


@pytest.mark.clause("8.4.3")
@pytest.mark.parametrize(
    ("residual", "mean", "scale_idx", "deviation"),
    [
        (0, 7, 0, 7),
        (1, 7, 0, 7 + 32 - 3),
        (-1, 7, 0, 7 - 32 + 3),
        (2, 0, 0, 64 - 5),
        (-9, -1, 0, -1 - 288 + 5),
        (2, 0, 1, 64),
        (1, -40, 2, -40 + 32 - 31),
    ],
)
def test_deviation_by_hand(residual: int, mean: int, scale_idx: int, deviation: int) -> None:
    result = derive_deviation(
        residual=scalar(residual), mean=scalar(mean), scale_idx=scalar(scale_idx), offsets=OFFSETS
    )
    assert result.dtype == np.int32
    assert result.item() == deviation


@pytest.mark.clause("8.4.4")
@pytest.mark.parametrize(
    ("mu", "deviation", "step", "y_hat"),
    [
        (0, 32, 16, 2),  # one step of one unit is two halves
        (5, -32, 16, 3),
        (0, 8, 16, 1),  # a quarter of a unit: half of a half, rounded up
        (0, 7, 16, 0),
        (0, -8, 16, 0),
        (0, -9, 16, -1),
        (4090, 9999, 99, 4095),
        (-4090, -9999, 99, -4095),
    ],
)
def test_latent_by_hand(mu: int, deviation: int, step: int, y_hat: int) -> None:
    result = dequantise(mu=scalar(mu), deviation=scalar(deviation), step=scalar(step))
    assert result.dtype == np.int32
    assert result.item() == y_hat


@given(
    residual=st.integers(-8191, 8191),
    mean=st.integers(-2047, 2047),
    offset=st.integers(0, 32),
    step=st.integers(1, STEP_MAX),
    mu=st.integers(-4095, 4095),
)
def test_reconstruction_never_leaves_32_bits(
    residual: int, mean: int, offset: int, step: int, mu: int
) -> None:
    deviation = derive_deviation(
        residual=scalar(residual),
        mean=scalar(mean),
        scale_idx=scalar(0),
        offsets=np.array([[0, offset, offset]], np.int32),
    )
    pull = 0 if residual == 0 else offset if residual > 0 else -offset
    exact = mean + 32 * residual - pull
    assert deviation.item() == exact
    y_hat = dequantise(mu=scalar(mu), deviation=deviation, step=scalar(step))
    assert y_hat.item() == min(max(mu + (exact * step + 128) // 256, -4095), 4095)


def test_the_largest_product_fits_32_bits() -> None:
    largest = scalar(2047 + 32 * 8191)
    assert largest.item() * STEP_MAX + 128 < 2**31 < largest.item() * (STEP_MAX + 9)
    for sign in (1, -1):
        y_hat = dequantise(mu=scalar(0), deviation=sign * largest, step=scalar(STEP_MAX))
        assert y_hat.item() == sign * 4095


def test_each_position_takes_the_step_of_its_quality() -> None:
    steps = (100 * np.arange(64)[:, None] + np.arange(3)).astype(np.int16)
    quality = np.array([[0, 63], [7, 7]], np.int32)
    result = step_map(steps=steps, quality=quality)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result[1], [[1, 6301], [701, 701]])


# -- the process ----------------------------------------------------------------------------------


def draw_tile(seed: int, height: int, width: int) -> dict[str, IntMap]:
    """Hyper features over their whole range, and a quality for each position."""
    codec, rng = get_codec(MODEL_SET, "numpy"), np.random.default_rng(seed)
    tensors = codec.hyper.network.description.tensors
    tile = {"quality": rng.integers(0, 64, (height, width)).astype(np.int32)}
    for name, output in (("state", "state"), ("mu", "mean")):
        info = tensors[output]
        shape, reach = (info.channels, height, width), info.range.magnitude
        plane = rng.laplace(scale=reach / 8, size=shape).clip(info.range.lo, info.range.hi)
        tile[name] = plane.astype(np.int32)
    return tile


def random_source(seed: int, seen: list[Step] | None = None) -> Source:
    """Residuals of every size; the steps are kept in `seen`."""
    rng = np.random.default_rng(seed)

    def residual(step: Step) -> IntMap:
        if seen is not None:
            seen.append(step)
        count = int(step.coded.sum())
        assert step.tables.shape == (count,)
        size = rng.choice([0, 1, 3, 200, 8191], count, p=[0.5, 0.3, 0.1, 0.08, 0.02])
        return (size * rng.choice([-1, 1], count)).astype(np.int32)

    return Source(residual, seed)


def run(
    tile: dict[str, IntMap], source: Source, *, num_groups: int | None = None, **options: Any
) -> IntMap:
    model = get_codec(MODEL_SET, "numpy").context
    monochrome = options.pop("monochrome", False)
    return decode_tile_latent(
        model=model,
        source=source,
        num_groups=len(model.groups) if num_groups is None else num_groups,
        monochrome=monochrome,
        **tile,
        **options,
    )


def literal_latent(  # noqa: C901, PLR0912, PLR0915 - it has the shape of the text
    codec: Codec, tile: dict[str, IntMap], source: Source, *, monochrome: bool
) -> IntMap:
    """The text of the clause, position by position, with the integer reference's networks."""
    model, tables = codec.context, codec.model.tables
    h, w = tile["quality"].shape
    total = sum(model.groups)
    y_hat, symbols, deviation, activity = (np.zeros((total, h, w), np.int32) for _ in range(4))
    state = tile["state"]
    num_transforms = len(tables["transform_matrices"]) + 1

    def infer(runner: Any, inputs: dict[str, IntMap]) -> dict[str, IntMap]:
        chosen = {name: np.ascontiguousarray(inputs[name]) for name in runner.inputs}
        out = run_network(runner, chosen, tile["quality"])
        return {name: codec.backend.to_numpy(value) for name, value in out.items()}

    scale = infer(model.transforms.head, {"state": state})["scale"]
    last = len(tables["transform_frequencies"]) - 1
    chosen = [min(max((int(s) + 512) >> 5, 0), last) for s in scale.ravel()]
    transform = source.transform_idx(np.array(chosen, np.int32)).reshape(h, w)
    indicators = np.zeros((num_transforms, h, w), np.int32)
    for i, j in np.ndindex(h, w):
        indicators[transform[i, j], i, j] = 16
    state = infer(model.transforms.update, {"state": state, "transform": indicators})["out"]
    first = 0
    for k, count in enumerate(model.groups):
        own = range(first, first + count)
        for c in own:
            if c < len(tile["mu"]) and not (monochrome and tables["component"][c]):
                y_hat[c] = tile["mu"][c]
        for p in range(2):
            out = infer(
                model.heads[2 * k + p],
                {
                    "state": state,
                    "transform": indicators,
                    "symbols": symbols[first : first + count],
                    "activity": activity[:first],
                    "deviation": deviation[: first + count if p else first],
                },
            )
            new, seen = np.zeros((2, count, h, w), np.int32)
            coded, scales, means = [], np.zeros((count, h, w), np.int32), np.zeros_like(new)
            for c, i, j in np.ndindex(count, h, w):
                scales[c, i, j] = min(max((int(out["scale"][c, i, j]) + 224) >> 3, 0), 79)
                if (i + j) % 2 != p or (monochrome and tables["component"][first + c]):
                    continue
                if "mean" in out:
                    means[c, i, j] = out["mean"][c, i, j]
                if scales[c, i, j] >= model.skip_threshold:
                    coded.append((c, i, j))
            mask = np.zeros((count, h, w), np.bool_)
            for place in coded:
                mask[place] = True
            step = Step(
                group=k, phase=p, coded=mask, scale_idx=scales, mean=means,
                mu=y_hat[first : first + count].copy(), step=np.zeros_like(new),
            )  # fmt: skip
            for place, r in zip(coded, source.residual(step).tolist(), strict=True):
                new[place] = r
            for c, i, j in np.ndindex(count, h, w):
                r, t = int(new[c, i, j]), scales[c, i, j]
                pull = int(model.offsets[t, min(abs(r), 2)])
                e = int(means[c, i, j]) + 32 * r - (pull if r > 0 else -pull if r < 0 else 0)
                width = int(tables["step"][tile["quality"][i, j], first + c])
                moved = int(y_hat[first + c, i, j]) + ((e * width + 128) >> 8)
                y_hat[first + c, i, j] = min(max(moved, -4095), 4095)
                seen[c, i, j] = min(max(e, -2047), 2047)
            news = new.clip(-127, 127)
            symbols[first : first + count] += news
            deviation[first : first + count] += seen
            last = k + 1 == len(model.groups)
            if not (last and p):
                inputs = {"state": state, "symbols": news, "deviation": seen}
                state = infer(model.updates[k], inputs)["out"]
        if not last:
            blur = infer(model.activities[k], {"symbols": symbols[first : first + count]})
            activity[first : first + count] = blur["blur"]
        first += count
    channels, turned = tables["transform_channels"], y_hat.copy()
    for i, j in np.ndindex(h, w):
        if transform[i, j]:
            matrix = tables["transform_matrices"][transform[i, j] - 1].astype(np.int64)
            sums = [int((matrix[:, a] * y_hat[channels, i, j]).sum()) for a in range(len(channels))]
            assert max(map(abs, sums)) < 2**31
            turned[channels, i, j] = [min(max((s + 8192) >> 14, -4095), 4095) for s in sums]
    return turned


@pytest.mark.clause("8.4")
@pytest.mark.parametrize("monochrome", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_the_literal_process_gives_the_same_latent(size: tuple[int, int], monochrome: bool) -> None:
    tile = draw_tile(sum(size), *size)
    expected = literal_latent(
        get_codec(MODEL_SET, "integer"), tile, random_source(5), monochrome=monochrome
    )
    result = run(tile, random_source(5), monochrome=monochrome)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)


@pytest.mark.clause("8.4")
def test_groups_and_phases_are_asked_for_in_order_and_cover_every_position_once() -> None:
    seen: list[Step] = []
    run(draw_tile(1, 3, 4), random_source(1, seen))
    groups = get_codec(MODEL_SET, "numpy").context.groups
    assert [(s.group, s.phase) for s in seen] == [
        (k, p) for k in range(len(groups)) for p in (0, 1)
    ]
    threshold = get_codec(MODEL_SET, "numpy").context.skip_threshold
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        assert not (first.coded & second.coded).any()
        board = np.indices(first.coded.shape[1:]).sum(axis=0) % 2
        for step, parity in ((first, 0), (second, 1)):
            expected = (step.scale_idx >= threshold) & (board == parity)
            np.testing.assert_array_equal(step.coded, expected)
            assert not step.mean[:, board != parity].any()


@pytest.mark.clause("8.4")
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (2, 1), (4, 0)])
def test_a_residual_moves_nothing_that_was_decoded_before(place: tuple[int, int]) -> None:
    """What a step knows does not change with residuals of its own or later."""
    tile, runs = draw_tile(2, 4, 4), []
    for change in (0, 1):
        seen: list[Step] = []
        plain = random_source(3, seen)

        def residual(step: Step, plain: Source = plain, change: int = change) -> IntMap:
            values = plain.residual(step)
            return values + change if (step.group, step.phase) >= place else values

        run(tile, Source(residual, 3))
        runs.append(seen)
    for a, b in zip(*runs, strict=True):
        known = (a.group, a.phase) <= place
        if known:
            for name in ("coded", "scale_idx", "mean"):
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert any((a.scale_idx != b.scale_idx).any() for a, b in zip(*runs, strict=True))


@pytest.mark.clause("8.4")
def test_fewer_groups_are_a_prefix_and_the_rest_keep_the_hyper_mean() -> None:
    tile, model = draw_tile(4, 3, 3), get_codec(MODEL_SET, "numpy").context
    whole = run(tile, Source(random_source(6).residual))
    mean = np.zeros_like(whole)
    mean[: len(tile["mu"])] = tile["mu"]
    for num_groups in range(len(model.groups)):
        partial = run(tile, Source(random_source(6).residual), num_groups=num_groups)
        stop = sum(model.groups[:num_groups])
        np.testing.assert_array_equal(partial[:stop], whole[:stop])
        np.testing.assert_array_equal(partial[stop:], mean[stop:])


@pytest.mark.clause("8.4")
def test_monochrome_tiles_code_luma_only() -> None:
    seen: list[Step] = []
    model = get_codec(MODEL_SET, "numpy").context
    y_hat = run(draw_tile(7, 2, 5), random_source(7, seen), monochrome=True)
    assert not y_hat[~model.luma].any()
    assert y_hat[model.luma].any()
    for step, channels in zip(seen[::2], model.slices(), strict=True):
        assert not step.coded[~model.luma[channels]].any()


@pytest.mark.clause("8.4")
def test_latents_are_clipped_whatever_the_residuals() -> None:
    for sign in (1, -1):
        largest = Source(lambda step, s=sign: np.full(step.tables.size, s * 8191), 8)
        y_hat = run(draw_tile(8, 2, 2), largest)
        assert np.abs(y_hat).max() == 4095


def test_the_inputs_are_left_as_they_are() -> None:
    tile = draw_tile(9, 3, 3)
    copies = {name: value.copy() for name, value in tile.items()}
    run(tile, random_source(9))
    for name, value in copies.items():
        np.testing.assert_array_equal(tile[name], value)
