# SPDX-License-Identifier: Apache-2.0
"""The synthesis transforms of the shipped model set: exact everywhere, natural on flat latents."""

import numpy as np
import pytest
from numpy.typing import NDArray

from refdec.codec import get_codec
from refdec.entropy.block_transform import LATENT_MAX
from refdec.syntax.segment import SynthesisTransform
from refdec.synthesis.transform import synthesise
from refenc.encode import MODEL_SET

TRANSFORMS = (SynthesisTransform.SIMPLE, SynthesisTransform.BASE)
OTHER_BACKENDS = [("numpy", None), ("torch", 1), ("torch", 2)]


def channels() -> int:
    return sum(get_codec(MODEL_SET, "numpy").context.groups)


def run(
    y_hat: NDArray[np.int32], transform: SynthesisTransform, backend: str, threads: int | None
) -> tuple[NDArray[np.int32], dict[str, NDArray[np.int32]]]:
    layers: dict[str, NDArray[np.int32]] = {}
    samples = synthesise(
        networks=get_codec(MODEL_SET, backend, threads).synthesis(transform),
        y_hat=y_hat,
        quality=np.full(y_hat.shape[1:], 20, np.int32),
        trace=lambda name, value: layers.update({name: value}),
    )
    return samples, layers


@pytest.mark.clause("9.2")
@pytest.mark.parametrize("kind", ["uniform", "extreme", "one-sided"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_backends_agree_on_every_layer(transform: SynthesisTransform, kind: str) -> None:
    rng = np.random.default_rng(3)
    shape = (channels(), 3, 5)
    y_hat = {
        "uniform": rng.integers(-LATENT_MAX, LATENT_MAX, shape, endpoint=True),
        "extreme": rng.choice([-LATENT_MAX, LATENT_MAX], shape),
        "one-sided": np.full(shape, LATENT_MAX),
    }[kind].astype(np.int32)
    samples, layers = run(y_hat, transform, "integer", None)
    assert samples.shape == (3, 48, 80)
    assert np.abs(samples).max() <= 2047
    for backend, threads in OTHER_BACKENDS:
        other, other_layers = run(y_hat, transform, backend, threads)
        np.testing.assert_array_equal(other, samples)
        assert other_layers.keys() == layers.keys()
        for name, value in layers.items():
            np.testing.assert_array_equal(other_layers[name], value, err_msg=name)


@pytest.mark.clause("9.2")
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_zero_latent_is_a_flat_picture_near_mid_grey(transform: SynthesisTransform) -> None:
    samples, _ = run(np.zeros((channels(), 2, 2), np.int32), transform, "numpy", None)
    assert np.abs(samples).max() <= 8 * 8  # eight code values


@pytest.mark.clause("9.2")
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_samples_depend_on_latents_nearby_only(transform: SynthesisTransform) -> None:
    """A change of one latent position reaches three positions, the halo of a region, no more."""
    rng = np.random.default_rng(4)
    y_hat = rng.integers(-99, 99, (channels(), 9, 9)).astype(np.int32)
    changed = y_hat.copy()
    changed[:, 4, 4] = LATENT_MAX
    before, after = (run(y, transform, "numpy", None)[0] for y in (y_hat, changed))
    rows, columns = np.nonzero((before != after).any(axis=0))
    assert 16 <= rows.min() < 64
    assert 80 <= rows.max() < 128
    assert 16 <= columns.min() < 64
    assert 80 <= columns.max() < 128
