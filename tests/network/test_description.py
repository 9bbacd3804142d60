# SPDX-License-Identifier: Apache-2.0
"""Descriptions: what parses, what is derived, what is refused and under which requirement."""

import copy
from typing import Any

import pytest

from docs.model_blocks import macs_per_sample
from refdec.cli.complexity import num_parameters
from refdec.errors import ModelError
from refdec.network import parse_network
from refdec.network.layers import TensorInfo, ValueRange
from tests.network.builders import conv, document

CHAIN = [
    conv(out_channels=8, range=[0, 2047]),
    {"op": "pixel_shuffle", "name": "s", "inputs": ["c"], "factor": 2},
    {"op": "shift_pad", "name": "p", "inputs": ["s"], "n": 2},
    {"op": "pixel_unshuffle", "name": "u", "inputs": ["p"], "factor": 2},
    conv("d", "u", kernel=1, in_channels=8, out_channels=8, groups=8, range=[-7, 7]),
    {"op": "crop", "name": "k", "inputs": ["d"], "n": 1},
    {"op": "abs", "name": "a", "inputs": ["k"]},
    {"op": "concat", "name": "j", "inputs": ["a", "x"]},
    {"op": "slice", "name": "l", "inputs": ["j"], "begin": 7, "end": 11},
    {"op": "add", "name": "m", "inputs": ["l", "x"], "range": [-50, 50]},
    {"op": "lookup", "name": "t", "inputs": ["m"], "table": "square", "range": [0, 30000]},
    {"op": "shift_left", "name": "h", "inputs": ["t"], "n": 3, "range": [0, 99]},
    {"op": "quality_bias", "name": "q", "inputs": ["h"], "table": "gain", "range": [-5, 5]},
]


def test_channels_ranges_and_grids_are_derived() -> None:
    tensors = parse_network(document(CHAIN)).tensors
    grid = {"stride": 16, "margin": 0}
    assert tensors["x"] == TensorInfo(4, ValueRange(-100, 100), **grid)
    assert tensors["c"] == TensorInfo(8, ValueRange(0, 2047), **grid)
    assert tensors["s"] == TensorInfo(2, ValueRange(0, 2047), 8, 0)
    assert tensors["p"] == TensorInfo(2, ValueRange(0, 2047), 8, 16)
    assert tensors["u"] == TensorInfo(8, ValueRange(0, 2047), 16, 16)
    assert tensors["k"] == TensorInfo(8, ValueRange(-7, 7), **grid)
    assert tensors["a"] == TensorInfo(8, ValueRange(0, 7), **grid)
    assert tensors["j"] == TensorInfo(12, ValueRange(-100, 100), **grid)
    assert tensors["l"] == TensorInfo(4, ValueRange(-100, 100), **grid)
    assert tensors["m"] == TensorInfo(4, ValueRange(-50, 50), **grid)
    assert tensors["q"] == TensorInfo(4, ValueRange(-5, 5), **grid)


def test_costs_are_counted() -> None:
    network = parse_network(document(CHAIN))
    dense, depthwise = 8 * 4 * 9, 8
    assert num_parameters(network) == dense + 8 + depthwise + 8 + 64 * 4
    assert macs_per_sample(network) == (dense + depthwise) / 256


def test_costs_depend_on_the_resolution() -> None:
    layers = [
        {"op": "pixel_shuffle", "name": "s", "inputs": ["x"], "factor": 2},
        conv("c", "s", in_channels=1, out_channels=1),
    ]
    assert macs_per_sample(parse_network(document(layers))) == 9 / 64


def change(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """CHAIN's document with the item at `path` replaced; `...` removes it."""
    result = copy.deepcopy(document(CHAIN))
    item: Any = result
    for key in path[:-1]:
        item = item[key]
    if value is ...:
        del item[path[-1]]
    else:
        item[path[-1]] = value
    return result


@pytest.mark.parametrize(
    ("requirement", "path", "value"),
    [
        ("NET-001", ("colour",), "blue"),
        ("NET-001", ("outputs",), ...),
        ("NET-001", ("layers", 0, "stride"), 2),
        ("NET-001", ("layers", 0, "kernel"), ...),
        ("NET-001", ("layers", 0, "name"), ...),
        ("NET-001", ("inputs", 0, "unit"), 1),
        ("NET-001", ("inputs", 0, "range"), ...),
        ("NET-002", ("layers", 6, "op"), "sigmoid"),
        ("NET-002", ("layers", 6, "op"), ["abs"]),
        ("NET-002", ("layers", 6, "op"), ...),
        ("NET-003", ("layers", 0), 7),
        ("NET-003", ("layers",), {}),
        ("NET-003", ("name",), 7),
        ("NET-003", ("layers", 0, "kernel"), 2),
        ("NET-003", ("layers", 0, "kernel"), 5),
        ("NET-003", ("layers", 0, "kernel"), "3"),
        ("NET-003", ("layers", 0, "kernel"), 3.0),
        ("NET-003", ("layers", 0, "groups"), True),
        ("NET-003", ("layers", 0, "groups"), 0),
        ("NET-003", ("layers", 0, "name"), 4),
        ("NET-003", ("layers", 0, "range"), [0]),
        ("NET-003", ("layers", 0, "range"), [0, 1.5]),
        ("NET-003", ("layers", 1, "inputs"), "c"),
        ("NET-003", ("layers", 11, "n"), -1),
        ("NET-003", ("inputs", 0, "stride"), 0),
        ("NET-004", ("inputs",), []),
        ("NET-004", ("layers", 1, "name"), "c"),
        ("NET-004", ("layers", 1, "output"), "x"),
        ("NET-004", ("layers", 1, "inputs"), ["later"]),
        ("NET-004", ("layers", 6, "inputs"), ["k", "k"]),
        ("NET-004", ("layers", 9, "inputs"), ["l"]),
        ("NET-004", ("outputs",), ["nothing"]),
        ("NET-005", ("layers", 0, "range"), [1, 0]),
        ("NET-005", ("layers", 0, "range"), [-(2**23), 0]),
        ("NET-005", ("inputs", 0, "range"), [0, 2**23]),
        ("NET-006", ("layers", 0, "in_channels"), 5),
        ("NET-006", ("layers", 0, "groups"), 3),
        ("NET-006", ("layers", 0, "splits"), 8),
        ("NET-006", ("layers", 4, "out_channels"), 12),
        ("NET-006", ("layers", 1, "factor"), 4),
        ("NET-006", ("layers", 8, "end"), 13),
        ("NET-006", ("layers", 8, "end"), 7),
        ("NET-006", ("layers", 8, "end"), 10),
        ("NET-007", ("inputs", 0, "stride"), 15),
        ("NET-007", ("layers", 2, "n"), 1),
        ("NET-007", ("layers", 2, "n"), 4),
        ("NET-007", ("layers", 5, "n"), 2),
        ("NET-007", ("layers", 7, "inputs"), ["a", "s"]),
        ("NET-008", ("layers", 11, "n"), 10),
    ],
)
def test_malformed_descriptions_are_refused(
    requirement: str, path: tuple[Any, ...], value: Any
) -> None:
    with pytest.raises(ModelError) as caught:
        parse_network(change(path, value))
    assert caught.value.requirement == requirement
    assert caught.value.element


@pytest.mark.parametrize("junk", [None, 3, "net", [], {}, {"name": []}])
def test_other_documents_are_refused(junk: Any) -> None:
    with pytest.raises(ModelError):
        parse_network(junk)
