# SPDX-License-Identifier: Apache-2.0
"""The shipped model sets: tables in range, networks that fit together, files as listed."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from refdec.codec import Codec, get_codec
from refdec.entropy.block_transform import INDICATOR_ONE, LATENT_MAX
from refdec.entropy.context import DEVIATION_MAX, STEP_MAX, SYMBOL_MAX
from refdec.entropy.hyper_latent import HYPER_LATENT_MAX
from refdec.network import CompiledNetwork, worst_sums
from refdec.network.layers import EXACT_LIMIT, Conv, TensorInfo, ValueRange
from refdec.resources import spec_path
from refdec.syntax.segment import SynthesisTransform
from refenc.analysis import load_analysis

MAX_FILE_SIZE = 16 << 20
ENTRIES: list[dict[str, Any]] = json.loads(spec_path("tables", "model_sets.json").read_bytes())[
    "model_sets"
]


@pytest.fixture(params=[entry["model_set_idc"] for entry in ENTRIES])
def codec(request: pytest.FixtureRequest) -> Codec:
    return get_codec(request.param, "integer")


def source(runner: CompiledNetwork, name: str) -> TensorInfo:
    return runner.network.description.tensors[name]


def fits(value: ValueRange, into: TensorInfo) -> bool:
    return into.range.lo <= value.lo and value.hi <= into.range.hi


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_files_are_small_and_have_the_listed_hash(entry: dict[str, Any]) -> None:
    data = spec_path(*entry["file"].split("/")).read_bytes()
    assert len(data) <= MAX_FILE_SIZE
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_every_convolution_is_exact(codec: Codec) -> None:
    convolutions = 0
    for network in codec.model.networks.values():
        for layer in network.description.layers:
            if isinstance(layer, Conv):
                tensors = network.conv_tensors(layer)
                info = network.description.tensors[layer.inputs[0]]
                sums = worst_sums(layer, info, tensors)
                assert sums.max() < EXACT_LIMIT
                # By hand for one channel: bias and all weights against the largest input.
                by_hand = int(np.abs(tensors.weight[0].astype(int)).sum()) * info.range.magnitude
                assert sums[0].sum() == by_hand + abs(int(tensors.bias[0]))
                convolutions += 1
    assert convolutions > 2 * len(codec.context.groups)


def test_steps_fit_the_arithmetic_and_fall_with_quality(codec: Codec) -> None:
    steps = codec.context.steps.astype(int)
    assert steps.shape == (64, sum(codec.context.groups))
    assert steps.min() >= 1
    assert steps.max() <= STEP_MAX
    assert (np.median(steps, axis=1)[::9] == np.sort(np.median(steps, axis=1)[::9])[::-1]).all()


def test_hyper_latent_tables_are_valid_and_code_the_whole_range(codec: Codec) -> None:
    tables = codec.hyper_tables  # refuses frequencies that are not as stated
    assert len(tables.bounds) == source(codec.hyper, "z").channels
    assert tables.bounds.max() <= HYPER_LATENT_MAX
    assert fits(ValueRange(-HYPER_LATENT_MAX, HYPER_LATENT_MAX), source(codec.hyper, "z"))


def test_networks_of_the_context_fit_together(codec: Codec) -> None:
    """No stream can bring a network an input that it does not take."""
    context = codec.context
    groups, slices = context.groups, list(context.slices())
    state, mean = (codec.hyper.network.description.tensors[name] for name in ("state", "mean"))
    assert state.stride == mean.stride == 16
    assert mean.channels == sum(groups[: context.mean_groups])
    assert mean.range.magnitude <= LATENT_MAX
    symbols = ValueRange(-SYMBOL_MAX, SYMBOL_MAX)
    deviation = ValueRange(-DEVIATION_MAX, DEVIATION_MAX)
    activities = [source(network, "blur") for network in context.activities]
    for k, count in enumerate(groups):
        for phase in range(2):
            head = context.heads[2 * k + phase]
            given = {
                "state": (state.channels, state.range),
                "transform": (context.transforms.num_transforms, ValueRange(0, INDICATOR_ONE)),
                "symbols": (count, symbols),
                "deviation": (slices[k].stop if phase else slices[k].start, deviation),
                "activity": (
                    slices[k].start,
                    ValueRange(0, max((a.range.hi for a in activities[:k]), default=0)),
                ),
            }
            for name in head.inputs:
                channels, values = given[name]
                assert source(head, name).channels == channels
                assert fits(values, source(head, name))
            assert source(head, "scale").channels == count
            assert ("mean" in head.network.description.outputs) == (k < context.mean_groups)
            if k < context.mean_groups:
                assert source(head, "mean").range.magnitude <= DEVIATION_MAX
        update = context.updates[k]
        assert fits(state.range, source(update, "state"))
        assert fits(source(update, "out").range, source(update, "state"))
        assert fits(source(update, "out").range, source(context.heads[0], "state"))
        assert fits(symbols, source(update, "symbols"))
        if k < context.mean_groups:
            assert fits(deviation, source(update, "deviation"))
        if k < len(activities):
            assert fits(symbols, source(context.activities[k], "symbols"))
            assert activities[k].channels == count
            assert activities[k].range.lo >= 0


def test_networks_of_the_block_transforms_fit_together(codec: Codec) -> None:
    transforms = codec.context.transforms
    state = codec.hyper.network.description.tensors["state"]
    assert source(transforms.head, "scale").channels == 1
    for network in (transforms.head, transforms.update):
        assert source(network, "state").channels == state.channels
        assert fits(state.range, source(network, "state"))
    indicators = source(transforms.update, "transform")
    assert indicators.channels == transforms.num_transforms
    assert fits(ValueRange(0, INDICATOR_ONE), indicators)
    assert fits(source(transforms.update, "out").range, source(codec.context.heads[0], "state"))
    assert fits(source(transforms.update, "out").range, source(codec.context.updates[0], "state"))
    assert (codec.model.tables["component"][transforms.channels] == 0).all()


def test_networks_of_the_synthesis_fit_together(codec: Codec) -> None:
    for transform in (SynthesisTransform.SIMPLE, SynthesisTransform.BASE):
        networks = codec.synthesis(transform)
        (first,) = networks[0].inputs
        assert source(networks[0], first).channels == sum(codec.context.groups)
        assert fits(ValueRange(-LATENT_MAX, LATENT_MAX), source(networks[0], first))
        for network, follower in zip(networks, (*networks[1:], None), strict=True):
            (output,) = network.network.description.outputs
            info = source(network, output)
            assert info.channels == 3
            assert info.stride == 1
            assert info.margin == 0
            assert info.range.magnitude <= 2047  # what the colour conversion takes
            if follower is not None:
                (taken,) = follower.inputs
                assert fits(info.range, source(follower, taken))


def test_components_say_which_channels_a_grey_picture_has(codec: Codec) -> None:
    component = codec.model.tables["component"]
    assert component.shape == (sum(codec.context.groups),)
    assert set(component.tolist()) == {0, 1, 2}
    assert codec.context.luma[0]


def test_the_encoder_has_its_part(codec: Codec) -> None:
    analysis = load_analysis(codec.model.model_set_idc)
    y = analysis.latent(np.zeros((3, 64, 64), np.float32))
    assert y.shape == (sum(codec.context.groups), 4, 4)
    assert analysis.hyper_latent(y).shape == (len(codec.hyper_tables.bounds), 1, 1)
    assert all(np.isfinite(value).all() for value in analysis.tensors.values())
