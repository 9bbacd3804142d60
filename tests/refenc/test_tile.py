# SPDX-License-Identifier: Apache-2.0
"""Tiles in the encoder: what is counted as cost, and who chooses block transforms."""

from typing import Any

import numpy as np
import pytest

from refdec.codec import get_codec
from refdec.entropy.hyper_latent import decode_hyper_features
from refdec.entropy.tables import load_residual_tables
from refenc.encode import MODEL_SET, RATE_WEIGHT, Structure, analyse, encode, picture_header
from refenc.quantise import Quantiser
from refenc.rans import encode_substream
from refenc.tile import INDEX_BITS, Source, compared_transforms, quantised
from tests.pictures import photograph

QUALITY = 40


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    """A photograph in tiles of 64, ready to be quantised."""
    codec, analysed = get_codec(MODEL_SET, "numpy"), analyse(photograph(3, 96, 160))
    header = picture_header(analysed.picture, quality=QUALITY, structure=Structure(tile_size=64))
    plane = np.full((header.h16, header.w16), QUALITY, np.int32)
    state, mu = decode_hyper_features(network=codec.hyper, z_hat=analysed.z_hat, quality=plane)
    return {
        "source": Source(analysed.y, state, mu, plane, analysed.masking),
        "header": header,
        "codec": codec,
        "quantiser": Quantiser.of(load_residual_tables(), RATE_WEIGHT),
    }


def test_given_block_transforms_are_taken_tile_by_tile(job: dict[str, Any]) -> None:
    codec, shape = job["codec"], job["source"].quality.shape
    wanted = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    wanted %= codec.context.transforms.num_transforms
    coded = quantised(**job, transform=wanted)
    np.testing.assert_array_equal(coded.transform, wanted)
    half = codec.context.transforms.num_transforms // 2
    for index, tile in enumerate(coded.tiles):
        rows, columns = job["header"].tile(index).slices
        assert tile.transform is not None
        np.testing.assert_array_equal(tile.transform[1] + half, wanted[rows, columns].ravel())


def test_the_cost_is_the_bits_and_the_weighted_error(job: dict[str, Any]) -> None:
    coded, codec = quantised(**job), job["codec"]
    error = (job["source"].y - coded.y_hat / 2) * 16
    error /= codec.context.steps[QUALITY].astype(np.float64)[:, None, None]
    weight = job["quantiser"].weights[job["source"].masking]
    bits = (coded.cost - weight * (error**2).sum(axis=0)).sum()
    written = sum(
        8 * len(encode_substream(calls, lanes=1, tables=codec.tile_tables))
        for tile in coded.tiles
        for calls in [[call for group in tile.groups for call in group]]
    )
    assert bits == pytest.approx(written, rel=0.03)


def test_what_was_tried_is_taken_where_it_cost_less(job: dict[str, Any]) -> None:
    first = quantised(**job, transform=np.zeros_like(job["source"].quality))
    other = quantised(**job, eager=True)
    chosen = compared_transforms(**job)
    assert not first.transform.any()
    better = first.cost - other.cost > INDEX_BITS
    np.testing.assert_array_equal(chosen, np.where(better, other.transform, 0))
    assert 0 < np.count_nonzero(chosen) < np.count_nonzero(other.transform)


def test_more_effort_gives_another_stream_of_about_the_size() -> None:
    picture = photograph(3, 96, 160)
    sizes = [len(encode(picture, quality=QUALITY, effort=effort)) for effort in (1, 2)]
    assert sizes[0] != sizes[1]
    assert sizes[1] < 1.1 * sizes[0]
