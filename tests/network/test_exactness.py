# SPDX-License-Identifier: Apache-2.0
"""The exactness bound, to the unit, and the tensors that go with a description."""

from typing import Any

import numpy as np
import pytest

from refdec.errors import ModelError
from refdec.network import worst_sums
from tests.network.builders import Document, conv, conv_tensors, network

A = 4095
INPUT = [{"name": "x", "channels": 4, "range": [-A, A]}]
LAYER = conv(kernel=1, splits=2)


def weights(sum_first: int, sum_second: int) -> Any:
    """(2, 4, 1, 1): the two splits' absolute sums in the second output channel."""
    weight = np.zeros((2, 4, 1, 1), int)
    weight[1, :, 0, 0] = [-sum_first // 2, sum_first - sum_first // 2, sum_second - 128, -128]
    return weight


def test_worst_sums_count_the_bias_in_the_first_split() -> None:
    net = network([LAYER], conv_tensors(weights(200, 150), -7), INPUT)
    layer = net.description.layers[0]
    sums = worst_sums(layer, net.description.tensors["x"], net.conv_tensors(layer))  # type: ignore[arg-type]
    np.testing.assert_array_equal(sums, [[7, 0], [200 * A + 7, 150 * A]])


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_bound_is_exact_in_the_bias(sign: int) -> None:
    weight = weights(200, 150)
    largest = 2**24 - 1 - 200 * A
    network([LAYER], conv_tensors(weight, sign * largest), INPUT)
    with pytest.raises(ModelError) as caught:
        network([LAYER], conv_tensors(weight, sign * (largest + 1)), INPUT)
    assert caught.value.requirement == "NET-010"
    assert caught.value.element == "net.c"
    assert "channel 1 may reach 16777216" in caught.value.message


def test_the_bound_is_exact_in_the_weights() -> None:
    # 4095 * 4097 == 2**24 - 1: 32 weights of 127 or -127, and one of 33.
    inputs = [{"name": "x", "channels": 33, "range": [0, A]}]
    layer = conv(kernel=1, in_channels=33, out_channels=1)
    weight = np.full((1, 33, 1, 1), -127)
    weight[0, 0] = 33
    network([layer], conv_tensors(weight), inputs)
    weight[0, 0] = 34
    with pytest.raises(ModelError) as caught:
        network([layer], conv_tensors(weight), inputs)
    assert caught.value.requirement == "NET-010"


def test_the_sum_over_splits_stays_below_32_bits() -> None:
    count, splits = 33 * 130, 130
    inputs = [{"name": "x", "channels": count, "range": [0, A]}]
    weight = np.full((1, count, 1, 1), 124)
    with pytest.raises(ModelError) as caught:
        network([conv(kernel=1, in_channels=count, out_channels=1, splits=splits)],
                conv_tensors(weight), inputs)  # fmt: skip
    assert caught.value.requirement == "NET-011"


TABLE: list[Document] = [
    {"op": "lookup", "name": "t", "inputs": ["x"], "table": "t", "range": [0, 9]},
    {"op": "quality_bias", "name": "q", "inputs": ["x"], "table": "q", "range": [0, 9]},
]


@pytest.mark.parametrize(
    ("requirement", "tensors"),
    [
        ("NET-009", {"net.c.weight": None}),
        ("NET-009", {"net.c.weight": np.zeros((2, 4, 3, 3), np.int16)}),
        ("NET-009", {"net.c.weight": np.zeros((2, 3, 3, 3), np.int8)}),
        ("NET-009", {"net.c.bias": np.zeros((2, 1), np.int32)}),
        ("NET-009", {"net.c.bias": np.zeros(2, np.float32)}),
        ("NET-009", {"net.c.shift": np.zeros(3, np.uint8)}),
        ("NET-009", {"t": None}),
        ("NET-009", {"t": np.zeros((2, 2), np.int16)}),
        ("NET-009", {"q": np.zeros((64, 3), np.int16)}),
        ("NET-009", {"q": np.zeros((63, 4), np.int16)}),
        ("NET-012", {"net.c.shift": np.array([0, 32], np.uint8)}),
        ("NET-013", {"t": np.zeros(0, np.int16)}),
        ("NET-013", {"t": np.array([0, 10], np.int16)}),
        ("NET-013", {"t": np.array([-1, 0], np.int16)}),
    ],
)
def test_tensors_that_do_not_fit_are_refused(requirement: str, tensors: dict[str, Any]) -> None:
    good = conv_tensors(np.ones((2, 4, 3, 3)))
    good |= {"t": np.zeros(5, np.int16), "q": np.zeros((64, 4), np.int16)}
    network([conv(), *TABLE], good)
    changed = {name: tensor for name, tensor in (good | tensors).items() if tensor is not None}
    with pytest.raises(ModelError) as caught:
        network([conv(), *TABLE], changed)
    assert caught.value.requirement == requirement
    assert caught.value.element in {*tensors, "net.c"}
