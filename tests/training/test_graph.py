# SPDX-License-Identifier: Apache-2.0
"""A network exports to integers that compute exactly what it computed in training."""

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from refdec.errors import ModelError
from refdec.network import Network, get_backend, parse_network, run_network
from tests.training.sets import graphs, random_set
from training.graph import QUALITIES, Graph, QualityBias, Wire

REFERENCE = get_backend("integer")


GRAPHS = graphs(random_set())
SPLIT = {
    name for name, graph in GRAPHS.items() if any("splits" in s.description for s in graph.steps)
}


def packed(graph: Graph) -> Network:
    description, tensors = graph.export()
    return Network(description=parse_network(description), tensors=tensors)


def draw_inputs(
    graph: Graph, network: Network, rng: np.random.Generator, kind: str
) -> dict[str, NDArray[np.int32]]:
    """Integers on the inputs' wires: small, anywhere in the range, or only its ends."""
    granule = network.description.granule
    height, width = granule * rng.integers(1, max(2, 64 // granule), 2)
    inputs = {}
    for name, wire in graph.inputs.items():
        shape = (wire.channels, height // graph.stride, width // graph.stride)
        if kind == "saturating":
            plane = rng.choice([wire.lo, wire.hi], shape)
        elif kind == "one-sided":
            plane = np.full(shape, wire.hi)
        else:
            reach = 40 if kind == "small" else wire.hi
            plane = rng.integers(max(wire.lo, -reach), min(wire.hi, reach), shape, endpoint=True)
        inputs[name] = plane.astype(np.int32)
    return inputs


def trained(
    graph: Graph, inputs: dict[str, NDArray[np.int32]], quality: int, dtype: torch.dtype
) -> dict[str, NDArray[np.float64]]:
    """Run the training forward; outputs times 2**f."""
    real = {
        name: torch.from_numpy(inputs[name] / 2.0**wire.f).to(dtype)[None]
        for name, wire in graph.inputs.items()
    }
    out = graph(torch.tensor([quality]), **real)
    return {
        name: y[0].detach().numpy().astype(np.float64) * 2.0 ** graph.wires[name].f
        for name, y in out.items()
    }


def decoded(
    network: Network, inputs: dict[str, NDArray[np.int32]], quality: int
) -> dict[str, NDArray[np.int32]]:
    runner = REFERENCE.compile(network)
    out = run_network(runner, inputs, np.full((1, 1), quality, np.int32))
    return {name: REFERENCE.to_numpy(tensor) for name, tensor in out.items()}


@pytest.mark.parametrize("kind", ["small", "uniform", "saturating", "one-sided"])
@pytest.mark.parametrize("name", GRAPHS)
def test_export_computes_the_integers_of_training(name: str, kind: str) -> None:
    graph = GRAPHS[name]
    rng = np.random.default_rng([len(kind), *name.encode()])
    network = packed(graph)
    dtype = torch.float32
    if name in SPLIT and kind != "small":
        # Training adds up all splits at once, which binary32 holds for natural pictures only.
        graph, dtype = copy.deepcopy(graph).double(), torch.float64
    inputs, quality = draw_inputs(graph, network, rng, kind), int(rng.integers(QUALITIES))
    expected = trained(graph, inputs, quality, dtype)
    for output, plane in decoded(network, inputs, quality).items():
        np.testing.assert_array_equal(plane, expected[output], err_msg=output)


def test_training_mode_gives_the_same_values_and_gradients() -> None:
    graph = copy.deepcopy(GRAPHS["head_1_1"]).train()
    network, rng = packed(graph), np.random.default_rng(3)
    for _ in range(2):  # the second forward takes the exponents that the first looked up
        inputs = draw_inputs(graph, network, rng, "uniform")
        out = trained(graph, inputs, 40, torch.float32)
        for output, plane in decoded(network, inputs, 40).items():
            np.testing.assert_array_equal(plane, out[output])
    real = {
        name: torch.from_numpy(inputs[name] / 2.0**wire.f).float()[None].requires_grad_()
        for name, wire in graph.inputs.items()
    }
    sum(y.sum() for y in graph(torch.tensor([40]), **real).values()).backward()
    learned = (p for p in graph.parameters() if p.requires_grad)
    for tensor in (*real.values(), *learned):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def two_layers(size: float) -> Graph:
    torch.manual_seed(2)
    graph = Graph("net", x=Wire(32, -4095, 4095, 2))
    graph.conv("a", "x", 8, 3, 4, splits=2)
    graph.conv("out", "a", 8, 1, 2, lo=0)
    graph.outputs = ["out"]
    for module in graph.modules_by_layer.values():
        module.weight.data *= size
        module.bias.data += size
    return graph


def test_weights_that_no_shift_makes_exact_are_refused() -> None:
    with pytest.raises(ModelError, match="NET-010"):
        packed(two_layers(1e4))


@pytest.mark.parametrize("size", [1e-6, 1.0, 100.0])
def test_weights_of_any_size_export_within_the_bound(size: float) -> None:
    graph = two_layers(size)
    network = packed(graph.eval())  # refuses what is not exact
    rng = np.random.default_rng(4)
    inputs = draw_inputs(graph, network, rng, "saturating")
    expected = trained(copy.deepcopy(graph).double(), inputs, 0, torch.float64)
    np.testing.assert_array_equal(decoded(network, inputs, 0)["out"], expected["out"])


def test_quality_rows_are_interpolated_between_anchors_and_rounded() -> None:
    bias = QualityBias(Wire(1, -100, 100, 2))
    bias.anchors.data[:, 0] = torch.arange(8.0)
    rows = bias.rows(torch.arange(QUALITIES))[:, 0]
    # Anchors lie at qualities 0, 9, 18 .. 63; one step of quality is 1/9, rounded to quarters.
    assert rows[:10].tolist() == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1]
    assert rows[63] == 7
