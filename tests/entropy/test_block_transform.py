# SPDX-License-Identifier: Apache-2.0
"""Block transforms: which table codes an index, what it does to a latent, what a set may hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from refdec.codec import get_codec
from refdec.entropy.block_transform import MATRIX_SUM_MAX, BlockTransforms
from refdec.entropy.rans import make_decoder
from refdec.entropy.residual import LayeredSubstreams
from refdec.errors import ConstraintViolation, ModelError
from refdec.network import get_backend, load_model_set
from refenc.block_transform import choose_transforms, forward
from refenc.encode import MODEL_SET
from refenc.rans import encode_substream

TRANSFORMS = get_codec(MODEL_SET, "numpy").context.transforms
COUNT = TRANSFORMS.num_transforms


def latent(seed: int, height: int, width: int) -> np.ndarray:
    """A latent of every magnitude."""
    rng = np.random.default_rng(seed)
    shape = (sum(get_codec(MODEL_SET, "numpy").context.groups), height, width)
    return np.clip(rng.standard_cauchy(shape) * 40, -4095, 4095).astype(np.int32)


@pytest.mark.clause("8.4.7")
def test_the_inverse_is_the_product_with_the_transpose() -> None:
    y_hat, transform = latent(0, 2, COUNT), np.arange(2 * COUNT).reshape(2, -1) % COUNT
    turned = TRANSFORMS.inverse(y_hat=y_hat, transform=transform.astype(np.int32))
    for i, j in np.ndindex(*transform.shape):
        expected = y_hat[:, i, j].astype(np.int64)
        if transform[i, j]:
            matrix = TRANSFORMS.matrices[transform[i, j] - 1].astype(np.int64)
            sums = matrix.T @ expected[TRANSFORMS.channels]
            expected[TRANSFORMS.channels] = np.clip((sums + 8192) // 16384, -4095, 4095)
        np.testing.assert_array_equal(turned[:, i, j], expected)


@pytest.mark.clause("8.4.7")
def test_transform_0_leaves_everything_as_it_is() -> None:
    y_hat = latent(1, 3, 3)
    turned = TRANSFORMS.inverse(y_hat=y_hat, transform=np.zeros((3, 3), np.int32))
    np.testing.assert_array_equal(turned, y_hat)
    assert turned is not y_hat


def test_the_bases_are_orthonormal_and_differ() -> None:
    unit = np.eye(len(TRANSFORMS.channels))
    real = TRANSFORMS.matrices / 2.0**14
    for index, matrix in enumerate(real):
        np.testing.assert_allclose(matrix @ matrix.T, unit, atol=1e-3)
        for other in (unit, *real[:index]):
            assert np.abs(matrix - other).max() > 0.3


def test_forward_and_inverse_undo_each_other() -> None:
    transform = np.arange(2 * COUNT, dtype=np.int32).reshape(2, -1) % COUNT
    y = np.random.default_rng(2).normal(size=latent(0, *transform.shape).shape) * 100
    coded = np.rint(2 * forward(TRANSFORMS, y.astype(np.float32), transform)).astype(np.int32)
    turned = TRANSFORMS.inverse(y_hat=coded, transform=transform)
    assert np.abs(turned / 2 - y).max() < 2


@pytest.mark.clause("8.4.5")
def test_tables_follow_the_network_and_end_at_the_last() -> None:
    state = get_codec(MODEL_SET, "numpy").hyper.network.description.tensors["state"]
    rng = np.random.default_rng(3)
    plane = rng.integers(state.range.lo, state.range.hi, (state.channels, 4, 5)).astype(np.int32)
    tables = TRANSFORMS.index_tables(state=plane, quality=np.full((4, 5), 63, np.int32))
    assert tables.shape == (20,)
    assert 0 <= tables.min() <= tables.max() < len(TRANSFORMS.tables.bounds)
    assert np.unique(tables).size > 1


def source_of(values: np.ndarray) -> LayeredSubstreams:
    tables = get_codec(MODEL_SET, "numpy").tile_tables
    call = (80 + np.arange(values.size) % len(TRANSFORMS.tables.bounds), values)
    payload = encode_substream([call], lanes=1, tables=tables)
    decoder = make_decoder(payload, lanes=1, tables=tables, offset=7)
    return LayeredSubstreams([range(7)], [decoder], [7], COUNT)


@pytest.mark.clause("8.4.6")
def test_indices_are_decoded_with_the_tables_behind_those_of_the_residual() -> None:
    indices = np.arange(3 * COUNT) % COUNT
    tables = np.arange(indices.size) % len(TRANSFORMS.tables.bounds)
    decoded = source_of(indices - COUNT // 2).transform_idx(tables.astype(np.int32))
    np.testing.assert_array_equal(decoded, indices)


@pytest.mark.clause("8.4.6")
@pytest.mark.parametrize("value", [-(COUNT // 2) - 1, COUNT // 2 + 1, 8191])
def test_an_escaped_index_is_refused(value: int) -> None:
    with pytest.raises(ConstraintViolation, match="block transform") as caught:
        source_of(np.array([0, value])).transform_idx(np.arange(2, dtype=np.int32))
    assert (caught.value.requirement, caught.value.offset) == ("SOR-006", 7)


def changed(**tables: Any) -> None:
    model = load_model_set(MODEL_SET)
    broken = replace(model, tables={**model.tables, **tables})
    BlockTransforms.compile(broken, get_backend("integer"))


def test_a_set_with_unsound_block_transforms_is_refused() -> None:
    model = load_model_set(MODEL_SET).tables
    matrices, channels = model["transform_matrices"], model["transform_channels"]
    twice = channels.copy()
    twice[1] = twice[0]
    outside = channels.copy()
    outside[0] = 512
    chroma = channels.copy()
    chroma[-1] = 1
    large = matrices.copy()
    rows = MATRIX_SUM_MAX // 32767 + 1
    large[0, :rows, 0] = 32767
    fewer = model["transform_frequencies"][:, :4]
    for tables in (
        {"transform_matrices": matrices[:-1]},
        {"transform_matrices": matrices[:, :-1]},
        {"transform_matrices": large},
        {"transform_channels": twice},
        {"transform_channels": outside},
        {"transform_channels": chroma},
        {"transform_matrices": matrices[:2], "transform_frequencies": fewer},
        {"transform_frequencies": model["transform_frequencies"][:, 1:]},
    ):
        with pytest.raises(ModelError) as caught:
            changed(**tables)
        assert caught.value.requirement == "NET-018"
    changed()


def test_the_encoder_takes_the_basis_in_which_a_block_is_simple() -> None:
    height, width = 1, COUNT
    wanted = np.arange(COUNT, dtype=np.int32)[None]
    y = np.zeros((512, height, width), np.float32)
    for index in range(1, COUNT):
        matrix = TRANSFORMS.matrices[index - 1] / np.float32(1 << 14)
        y[TRANSFORMS.channels, 0, index] = 900 * matrix[40] - 700 * matrix[3]
    y[TRANSFORMS.channels[[3, 40]], 0, 0] = 800
    step = np.full(y.shape, 16 * 20, np.int32)
    chosen = choose_transforms(
        TRANSFORMS,
        y,
        step=step,
        weight=np.full((height, width), 8.5, np.float32),
        tables=np.full(width, len(TRANSFORMS.tables.bounds) // 2, np.int32),
    )
    np.testing.assert_array_equal(chosen, wanted)
    quiet = choose_transforms(
        TRANSFORMS,
        y / 100,
        step=step,
        weight=np.full((height, width), 8.5, np.float32),
        tables=np.zeros(width, np.int32),
    )
    assert not quiet.any()
