# SPDX-License-Identifier: Apache-2.0
"""Lanes of the hyper-latent; the hyper decoder in a window of the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refdec.codec import get_codec
from refdec.entropy.hyper_latent import HYPER_LANE_SYMBOLS, decode_hyper_features, hyper_lanes
from refenc.encode import MODEL_SET


@pytest.mark.clause("8.3.1")
def test_lanes_grow_with_the_hyper_latent() -> None:
    symbols = (16, HYPER_LANE_SYMBOLS - 1, 2 * HYPER_LANE_SYMBOLS - 1, 2 * HYPER_LANE_SYMBOLS)
    assert [hyper_lanes(count) for count in (*symbols, 16 * 128 * 128)] == [1, 1, 1, 2, 128]


@pytest.mark.clause("8.3.2")
@given(data=st.data(), seed=st.integers(0, 99), extreme=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_window_is_the_crop_of_the_whole(data: st.DataObject, seed: int, extreme: bool) -> None:
    network, rng = get_codec(MODEL_SET, "numpy").hyper, np.random.default_rng(seed)
    cells = 9, 7
    sides = tuple(4 * side - data.draw(st.integers(0, 3)) for side in cells)
    shape = network.network.description.inputs[0].channels, *cells
    z_hat = rng.choice([-127, 127], shape) if extreme else rng.integers(-127, 128, shape)
    planes = {
        "z_hat": z_hat.astype(np.int32),
        "quality": rng.integers(0, 64, sides).astype(np.int32),
    }
    rows, columns = (
        slice(start, data.draw(st.integers(start + 1, side)))
        for side in sides
        for start in [data.draw(st.integers(0, side - 1))]
    )
    whole = decode_hyper_features(network=network, **planes)
    part = decode_hyper_features(network=network, **planes, window=(rows, columns))
    for plane, crop in zip(whole, part, strict=True):
        np.testing.assert_array_equal(plane[:, rows, columns], crop)
