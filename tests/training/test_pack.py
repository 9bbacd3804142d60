# SPDX-License-Identifier: Apache-2.0
"""A packed checkpoint decodes to the latents and samples that training saw."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from refdec.codec import Codec
from refdec.entropy.context import ContextModel, Step, decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features
from refdec.network import get_backend, read_model_set
from refdec.syntax.segment import SynthesisTransform
from refdec.synthesis.transform import synthesise
from refenc.analysis import Analysis
from tests.training.sets import random_set
from training import model as training_model
from training import networks, packer, rate
from training import pack as training_pack
from training.block_transforms import NUM_TRANSFORMS
from training.transform import CHANNELS

QUALITY = 37
SIDE = 64


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that stands for spec/, with the random set packed into it."""
    folder = tmp_path_factory.mktemp("spec")
    with pytest.MonkeyPatch.context() as patch:
        for module in (training_pack, packer):
            patch.setattr(module, "spec_path", folder.joinpath)
        net = random_set()
        tables = training_pack.hyper_tables(net), training_pack.transform_tables(net)
        training_pack.pack(net, 5, *tables)
        yield folder


@pytest.fixture(scope="module")
def codec(spec: Path) -> Codec:
    return Codec(read_model_set(spec / "models" / "set5.safetensors"), get_backend("numpy"))


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    """Y - 128, Cb, Cr of a picture with structure in every frequency; (1, 3, 64, 64)."""
    rng = np.random.default_rng(2)
    spectrum = rng.normal(size=(3, SIDE, SIDE, 2)) @ [1, 1j]
    frequency = np.fft.fftfreq(SIDE)
    spectrum /= 0.02 + np.hypot(frequency[:, None], frequency)
    planes = np.fft.ifft2(spectrum).real
    planes *= 40 / planes.std()
    return torch.from_numpy(planes.clip(-128, 127)).float()[None]


def test_a_packed_set_carries_valid_tables(codec: Codec) -> None:
    tables = codec.hyper_tables  # refuses tables that are not as stated
    assert len(tables.bounds) == networks.HYPER
    context = codec.context
    assert context.groups == networks.GROUPS
    assert context.steps.shape == (64, CHANNELS)
    assert context.steps.min() >= 1
    with torch.no_grad():
        steps = random_set().steps(torch.arange(64)).numpy() * 16
    np.testing.assert_array_equal(context.steps, steps)


def test_the_encoder_of_a_packed_set_computes_the_analysis_of_training(
    spec: Path, picture: torch.Tensor
) -> None:
    tensors = load_file(spec / "models" / "set5_encoder.safetensors")
    analysis = Analysis({name: value.astype(np.float32) for name, value in tensors.items()})
    y = analysis.latent(picture[0].numpy())
    with torch.no_grad():
        expected_y, expected_z = random_set().analyse(picture)
    np.testing.assert_allclose(y, expected_y[0].numpy(), atol=2)  # weights of 11 bits
    z = analysis.hyper_latent(expected_y[0].numpy())
    np.testing.assert_allclose(z, expected_z[0].clamp(-127, 127).numpy(), atol=0.6)


def test_decoding_gives_what_the_training_forward_gave(
    codec: Codec, picture: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, seen = random_set(), {}

    def spy(name: str) -> Any:
        return lambda _module, _args, kwargs: seen.update({name: next(iter(kwargs.values()))})

    indices = torch.arange((SIDE // 16) ** 2) % NUM_TRANSFORMS
    plane = indices.view(1, SIDE // 16, SIDE // 16)
    monkeypatch.setattr(training_model, "choose", lambda *_: plane)
    hook = net.hyper.register_forward_pre_hook(spy("z_hat"), with_kwargs=True)
    monkeypatch.setattr(
        training_model,
        "bits",
        lambda r, scale: seen.update(residual=r) or rate.bits_map(r, scale).sum(),
    )
    with torch.no_grad():
        index = torch.tensor([QUALITY])
        seen["y_hat"] = net(picture, index)["y_hat"]
        seen["simple"] = net.synthesis(index, latent=seen["y_hat"])["samples"]
        seen["base"] = net.filter(index, samples=seen["simple"])["filtered"]
    hook.remove()

    def integers(name: str, one: int) -> NDArray[np.int32]:
        plane = seen[name][0].numpy() * one
        np.testing.assert_array_equal(plane, plane.round())
        return plane.astype(np.int32)

    residual = integers("residual", 1)
    assert np.abs(residual).max() > 5
    quality = np.full((SIDE // 16, SIDE // 16), QUALITY, np.int32)
    state, mu = decode_hyper_features(
        network=codec.hyper, z_hat=integers("z_hat", 1), quality=quality
    )
    context = ContextModel.compile(
        codec.model, codec.backend, offsets=np.zeros((80, 2), np.int32), skip_threshold=8
    )
    slices, coded = list(context.slices()), []

    class Source:
        def transform_idx(self, tables: NDArray[np.int32]) -> NDArray[np.int32]:
            assert tables.min() >= 0
            return indices.numpy().astype(np.int32)

        def residual(self, step: Step) -> NDArray[np.int32]:
            coded.append(int(step.coded.sum()))
            return residual[slices[step.group]][step.coded]

    y_hat = decode_tile_latent(
        model=context, state=state, mu=mu, quality=quality, source=Source(),
        num_groups=len(context.groups), monochrome=False,
    )  # fmt: skip
    assert sum(coded) >= np.count_nonzero(residual) > 500
    np.testing.assert_array_equal(y_hat, integers("y_hat", 2))
    transforms = {"simple": SynthesisTransform.SIMPLE, "base": SynthesisTransform.BASE}
    for name, transform in transforms.items():
        networks = codec.synthesis(transform)
        samples = synthesise(networks=networks, y_hat=y_hat, quality=quality)
        np.testing.assert_array_equal(samples, integers(name, 8), err_msg=name)
