# SPDX-License-Identifier: Apache-2.0
"""Every backend gives the integer reference's bits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdec import backends as engines
from refdec.network import Network, get_backend, load_model_set, numpy_backend, run_network
from refenc.encode import MODEL_SET
from tests.network.builders import (
    conv,
    conv_tensors,
    extreme_weights,
    network,
    networks,
    random_inputs,
)

torch = pytest.importorskip("torch")
BACKENDS = [
    (name, threads)
    for name, counts in [
        ("integer", [None]),
        ("numpy", [1, 3]),
        ("onnx", [1, 2]),
        ("torch", [1, 2]),
    ]
    for threads in counts
    if engines.BACKENDS[name].is_installed
]


def run(
    name: str, threads: int | None, net: Network, inputs: Any, quality: Any = None
) -> dict[str, NDArray[Any]]:
    """Every layer's output, as int32; a run without a trace gives the same."""
    backend = get_backend(name, threads)
    runner, seen = backend.compile(net), dict[str, NDArray[Any]]()
    run_network(
        runner, inputs, quality,
        trace=lambda tensor_name, tensor: seen.update({tensor_name: backend.to_numpy(tensor)}),
    )  # fmt: skip
    for output, tensor in run_network(runner, inputs, quality).items():
        np.testing.assert_array_equal(backend.to_numpy(tensor), seen[output])
    return seen


def assert_all_agree(net: Network, inputs: Any, quality: Any = None) -> dict[str, NDArray[Any]]:
    """Compare all backends on all layers; check the ranges on the way."""
    reference = run("integer", None, net, inputs, quality)
    for name, plane in reference.items():
        info = net.description.tensors[name]
        assert plane.dtype == np.int32
        assert plane.shape[0] == info.channels
        assert info.range.lo <= plane.min()
        assert plane.max() <= info.range.hi
    for backend, threads in BACKENDS[1:]:
        for name, plane in run(backend, threads, net, inputs, quality).items():
            np.testing.assert_array_equal(plane, reference[name], err_msg=f"{backend} {name}")
    return reference


@given(net=networks(), seed=st.integers(0, 2**32 - 1), extreme=st.booleans(), uniform=st.booleans())
@settings(max_examples=150, deadline=None)
def test_backends_agree_on_random_networks(
    net: Network, seed: int, extreme: bool, uniform: bool
) -> None:
    rng = np.random.default_rng(seed)
    h16, w16 = 2 * rng.integers(1, 5, 2)
    quality = rng.integers(0, 64, (1, 1) if uniform else (h16, w16))
    quality = np.broadcast_to(quality, (h16, w16)).astype(np.int32)
    assert_all_agree(net, random_inputs(net, rng, 16 * h16, 16 * w16, extreme=extreme), quality)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("splits", [1, 4])
@pytest.mark.parametrize("groups", [1, 4, 48])
@pytest.mark.parametrize("size", [(4, 4), (33, 70)])
def test_worst_case_sums_reach_the_bound_and_stay_exact(
    kernel: int, splits: int, groups: int, size: tuple[int, int]
) -> None:
    # 4095 * 4097 == 2**24 - 1: with every product of one sign the sum is the largest allowed.
    channels = 48
    splits = 1 if groups == channels else splits
    rng = np.random.default_rng(5)
    shape = (channels, channels // groups, kernel, kernel)
    weight = extreme_weights(rng, shape, splits, 4097)
    layer = conv(kernel=kernel, in_channels=channels, out_channels=channels, groups=groups,
                 splits=splits, range=[-(2**22), 2**22])  # fmt: skip
    inputs = [{"name": "x", "channels": channels, "range": [-4095, 4095]}]
    sums = np.abs(weight.astype(int)).reshape(channels, splits, -1).sum(2)
    spare = 2**24 - 1 - 4095 * sums[:, 0]
    net = network([layer], conv_tensors(weight, spare.astype(np.int32), 2), inputs)
    plane = rng.choice([-4095, 4095], (channels, *size)).astype(np.int32)
    if groups == 1:  # every product of channel 0 at (1, 1) is positive
        around = kernel // 2
        window = slice(1 - around, 2 + around)
        plane[:, window, window] = 4095 * np.sign(weight[0]).astype(np.int32)
    out = assert_all_agree(net, {"x": plane})["c"]
    if groups == 1:
        assert out[0, 1, 1] == min(2**22, (4095 * sums[0].sum() + spare[0]) >> 2)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize(("peak", "products"), [(900, 1), (1100, 4)])
def test_one_product_replaces_those_of_the_splits_where_the_values_allow_it(
    kernel: int, peak: int, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, channels = np.random.default_rng(6), 160
    weight = extreme_weights(rng, (8, channels, kernel, kernel), 4, 2**12)
    layer = conv(kernel=kernel, in_channels=channels, out_channels=8, splits=4,
                 range=[-(2**22), 2**22])  # fmt: skip
    inputs = [{"name": "x", "channels": channels, "range": [-4095, 4095]}]
    net = network([layer], conv_tensors(weight, 7, 3), inputs)
    plane = rng.choice([-peak, peak], (channels, 9, 11)).astype(np.int32)
    assert_all_agree(net, {"x": plane})
    calls, compute = [], numpy_backend._products
    monkeypatch.setattr(
        numpy_backend, "_products", lambda *values: [calls.append(values), compute(*values)][1]
    )
    run("numpy", 1, net, {"x": plane})
    # 2**12 * 4 * 900 < 2**24 < 2**12 * 4 * 1100
    assert len(calls) == 2 * products  # with and without a trace


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("used", [[], [0], [3, 4, 30]])
@pytest.mark.parametrize("splits", [1, 4])
def test_channels_that_are_zero_change_nothing(kernel: int, used: list[int], splits: int) -> None:
    rng = np.random.default_rng(7)
    weight = extreme_weights(rng, (8, 32, kernel, kernel), splits, 999)
    layer = conv(kernel=kernel, in_channels=32, out_channels=8, splits=splits)
    inputs = [{"name": "x", "channels": 32, "range": [-4095, 4095]}]
    net = network([layer], conv_tensors(weight, 500, 9), inputs)
    plane = np.zeros((32, 70, 9), np.int32)
    plane[used, 33, 5] = -4095  # not where zeros are looked for first
    assert_all_agree(net, {"x": plane})


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("name", ["head_0_0", "head_2_1", "head_6_1", "update_1"])
def test_positions_computed_alone_are_those_of_the_whole_plane(name: str, uniform: bool) -> None:
    net, rng = load_model_set(MODEL_SET).networks[name], np.random.default_rng(8)
    inputs = random_inputs(net, rng, 16 * 7, 16 * 5, extreme=False)
    quality = rng.integers(0, 64, (7, 5)).astype(np.int32)
    quality[:] = quality[0, 0] if uniform else quality
    reference = run("integer", None, net, inputs, quality)
    places = rng.permutation(35)[:11]
    for backend, threads in BACKENDS:
        runner = get_backend(backend, threads).compile(net)
        for output, tensor in run_network(runner, inputs, quality, places=places).items():
            expected = reference[output].reshape(-1, 1, 35)[:, :, places]
            np.testing.assert_array_equal(runner.backend.to_numpy(tensor), expected)


def test_conv_by_hand() -> None:
    weight = np.zeros((2, 1, 3, 3), np.int8)
    weight[0, 0] = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]  # Laplacian
    weight[1, 0, 0, 1] = 3  # three times the neighbour above
    layer = conv(in_channels=1, range=[-10, 10])
    inputs = [{"name": "x", "channels": 1, "range": [-9, 9]}]
    net = network([layer], conv_tensors(weight, np.array([1, 2], np.int32), 1), inputs)
    plane = np.array([[[1, 2], [3, 9]]], np.int32)
    out = assert_all_agree(net, {"x": plane})["c"]
    # Laplacian: 2+3-4 = 1, 1+9-8 = 2, 1+9-12 = -2, 2+3-36 = -31; (+1) >> 1, clipped.
    # Above: 0, 0, 3, 6; (+2) >> 1.
    np.testing.assert_array_equal(out, [[[1, 1], [-1, -10]], [[1, 1], [2, 4]]])


def test_shift_rounds_half_up_with_the_folded_offset() -> None:
    weight = np.ones((1, 1, 1, 1), np.int8)
    layer = conv(kernel=1, in_channels=1, out_channels=1)
    inputs = [{"name": "x", "channels": 1, "range": [-9, 9]}]
    net = network([layer], conv_tensors(weight, 2, 2), inputs)
    plane = np.arange(-6, 7, dtype=np.int32).reshape(1, 1, -1)
    out = assert_all_agree(net, {"x": plane})["c"]
    np.testing.assert_array_equal(out, np.floor(plane / 4 + 0.5))


def test_pixel_shuffle_order_is_that_of_torch() -> None:
    plane = np.arange(18 * 4 * 6, dtype=np.int32).reshape(18, 4, 6)
    tensor = torch.from_numpy(plane)
    inputs = [{"name": "x", "channels": 18, "range": [0, 999], "stride": 6}]
    shuffle = network(
        [{"op": "pixel_shuffle", "name": "t", "inputs": ["x"], "factor": 3}], {}, inputs
    )
    unshuffle = network(
        [{"op": "pixel_unshuffle", "name": "t", "inputs": ["x"], "factor": 2}], {}, inputs
    )
    out = assert_all_agree(shuffle, {"x": plane})["t"]
    np.testing.assert_array_equal(out, torch.nn.functional.pixel_shuffle(tensor, 3))
    out = assert_all_agree(unshuffle, {"x": plane})["t"]
    np.testing.assert_array_equal(out, torch.nn.functional.pixel_unshuffle(tensor, 2))


def test_quality_is_taken_from_the_latent_position_that_covers_each_sample() -> None:
    # Latents at stride 16, tensor at stride 8 with a margin of half a position: 4 samples.
    inputs = [{"name": "x", "channels": 64, "range": [0, 0], "stride": 8}]
    layers = [
        {"op": "pixel_shuffle", "name": "fine", "inputs": ["x"], "factor": 8},
        {"op": "shift_pad", "name": "padded", "inputs": ["fine"], "n": 4},
        {"op": "pixel_unshuffle", "name": "coarse", "inputs": ["padded"], "factor": 8},
        {"op": "quality_bias", "name": "q", "inputs": ["coarse"], "table": "t", "range": [0, 63]},
    ]
    table = np.repeat(np.arange(64, dtype=np.int16)[:, None], 64, 1)
    net = network(layers, {"t": table}, inputs)
    quality = np.array([[1, 2, 3]], np.int32)
    out = assert_all_agree(net, {"x": np.zeros((64, 2, 6), np.int32)}, quality)["q"]
    # Positions start at samples -4, 4, 12 | 20, 28 | 36, 44 of 48.
    np.testing.assert_array_equal(out[5], [[1, 1, 1, 2, 2, 3, 3]] * 3)


def test_shift_pad_mirrors_more_than_once_on_tiny_planes() -> None:
    inputs = [{"name": "x", "channels": 1, "range": [0, 9]}]
    net = network([{"op": "shift_pad", "name": "t", "inputs": ["x"], "n": 3}], {}, inputs)
    out = assert_all_agree(net, {"x": np.array([[[1, 2]]], np.int32)})["t"]
    np.testing.assert_array_equal(out, [[[2, 2, 1, 1, 2, 2, 1, 1]] * 7])


def test_outputs_feed_the_next_network_without_conversion() -> None:
    net = network([conv(in_channels=4, out_channels=4, range=[-100, 100])],
                  conv_tensors(np.ones((4, 4, 3, 3)), 0, 4))  # fmt: skip
    plane = np.random.default_rng(1).integers(-100, 100, (4, 5, 6)).astype(np.int32)
    results = []
    for name, threads in BACKENDS:
        backend = get_backend(name, threads)
        runner = backend.compile(net)
        once = run_network(runner, {"x": plane})["c"]
        results.append(backend.to_numpy(run_network(runner, {"x": once})["c"]))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_torch_settings_are_restored() -> None:
    before = (torch.get_num_threads(), torch.backends.mkldnn.conv.fp32_precision)
    with get_backend("torch", before[0] + 1).session():
        assert torch.get_num_threads() == before[0] + 1
        assert torch.backends.mkldnn.conv.fp32_precision == "ieee"
    assert (torch.get_num_threads(), torch.backends.mkldnn.conv.fp32_precision) == before


@pytest.mark.parametrize(
    ("inputs", "quality", "message"),
    [
        ({}, None, "takes"),
        ({"x": np.zeros((3, 4, 4), np.int32)}, None, "channels"),
        ({"x": np.full((4, 4, 4), 101, np.int32)}, np.zeros((4, 4), np.int32), "lie in"),
        ({"x": np.zeros((4, 0, 4), np.int32)}, None, "multiple"),
        ({"x": np.zeros((4, 3, 4), np.int32)}, None, "multiple"),
        ({"x": np.zeros((4, 4, 4), np.int32)}, None, "needs quality"),
        ({"x": np.zeros((4, 4, 4), np.int32)}, np.full((4, 4), 64, np.int32), "quality lies"),
        ({"x": np.zeros((4, 4, 4), np.int32)}, np.zeros(4, np.int32), "quality shall"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: Any, quality: Any, message: str) -> None:
    layers = [
        {"op": "pixel_unshuffle", "name": "u", "inputs": ["x"], "factor": 2},
        {"op": "quality_bias", "name": "q", "inputs": ["u"], "table": "t", "range": [0, 9]},
    ]
    net = network(layers, {"t": np.zeros((64, 16), np.int16)})
    with pytest.raises(ValueError, match=message):
        run_network(get_backend("numpy").compile(net), inputs, quality)


def test_inputs_of_different_pictures_are_refused() -> None:
    inputs = [
        {"name": "x", "channels": 1, "range": [0, 9]},
        {"name": "z", "channels": 1, "range": [0, 9], "stride": 64},
    ]
    net = network([{"op": "abs", "name": "t", "inputs": ["x"]}], {}, inputs)
    runner = get_backend("integer").compile(net)
    planes = {"x": np.zeros((1, 4, 4), np.int32), "z": np.zeros((1, 1, 2), np.int32)}
    with pytest.raises(ValueError, match="different sizes"):
        run_network(runner, planes)


@pytest.mark.parametrize(("name", "threads"), [("vulkan", None), ("torch", 0)])
def test_unknown_backends_are_refused(name: str, threads: int | None) -> None:
    with pytest.raises(ValueError, match=r"backend|threads"):
        get_backend(name, threads)
