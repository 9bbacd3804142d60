# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002 - Backend says what each operation computes.
"""A network as an ONNX graph of float32 operators, exact by the exactness bound.

Tensors are (1, C, H, W) of any height and width, and hold integers; 2**-shift is folded into the
weights as in `numpy_backend`, and splits are added in binary64. Every quality_bias layer makes an
input ``<layer>.quality``: int64 indices on the grid of its tensor, (H, W), or (1, 1) for all.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import TensorProto, helper, numpy_helper

from refdec.arrays import F32Map
from refdec.network import layers
from refdec.network.exactness import Network
from refdec.network.numpy_backend import float_operands

OPSET, IR_VERSION = 17, 8
"""Old enough for every runtime that has the operators used here."""
PLACES = "places"


def export_network(
    network: Network, planes: frozenset[str] | None = None, **metadata: str
) -> bytes:
    """Return a network as the bytes of an .onnx file.

    Parameters
    ----------
    planes : as `CompiledNetwork.planes`, for a graph that computes the other tensors at the flat
        indices of a further input ``places``, int64 (n), alone, and takes those of them that are
        inputs as (1, C, 1, n); None computes everything everywhere.
    metadata : texts that go into the file.
    """
    model: bytes = _Graph(network, planes).model(metadata).SerializeToString()
    return model


class _Graph:
    """Nodes and constants, in the order in which they are asked for."""

    def __init__(self, network: Network, planes: frozenset[str] | None) -> None:
        self.network, self.planes = network, planes
        self._layer, self._numbers = "inputs", itertools.count()
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs = [
            helper.make_tensor_value_info(
                item.name, TensorProto.FLOAT, [1, item.channels, f"{item.name}.h", f"{item.name}.w"]
            )
            for item in network.description.inputs
        ]
        self.names = {item.name: item.name for item in network.description.inputs}

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """Write down layer after layer."""
        description = self.network.description
        if self.planes is not None:
            self._add_input(PLACES, "n")
        for layer in description.layers:
            self._add_layer(layer)
        for name in description.outputs:
            self.nodes.append(helper.make_node("Identity", [self.names[name]], [name]))
        outputs = [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT, [1, description.tensors[name].channels, None, None]
            )
            for name in description.outputs
        ]
        graph = helper.make_graph(
            self.nodes, description.name, self.inputs, outputs, self.constants
        )
        model = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="refdec",
        )
        helper.set_model_props(model, metadata)
        return model

    def _add_layer(self, layer: layers.Layer) -> None:
        self._layer = layer.name
        is_wide = isinstance(layer, layers.Conv) and layer.kernel > 1
        at_places = self.planes is not None and layer.output not in self.planes
        values = [
            self.pick(self.names[name])
            if at_places and not is_wide and name in (self.planes or ())
            else self.names[name]
            for name in layer.inputs
        ]
        emit: Callable[..., str] = getattr(self, layer.op)
        result = emit(layer, *values)
        self.names[layer.output] = self.pick(result) if at_places and is_wide else result

    def _add_input(self, name: str, *shape: str) -> None:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, shape))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; return the output's name."""
        output = f"{self._layer}/{next(self._numbers)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, values: ArrayLike, dtype: DTypeLike = np.int64) -> str:
        """Add a constant; return its name."""
        name = f"{self._layer}/constant{len(self.constants)}"
        array = np.ascontiguousarray(values, dtype).reshape(np.shape(values))
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def clip(self, x: str, limits: layers.ValueRange) -> str:
        return self.node("Clip", x, *(self.constant(limit, np.float32) for limit in limits))

    def pick(self, x: str) -> str:
        """Gather the positions ``places``: (1, C, H, W) to (1, C, 1, n)."""
        return self.node(
            "Gather", self.node("Reshape", x, self.constant([1, 0, 1, -1])), PLACES, axis=3
        )

    # One method per operation, called as the operation is: names in, name out.

    def conv(self, layer: layers.Conv, x: str) -> str:
        weight, bias, reach, limit = float_operands(self.network.conv_tensors(layer))

        def convolve(x: str, weight: F32Map, *bias: F32Map) -> str:
            operands = [self.constant(values, np.float32) for values in (weight, *bias)]
            around = [layer.kernel // 2] * 4
            return self.node("Conv", x, *operands, group=layer.groups, pads=around)

        def in_one() -> str:
            return self.node("Floor", convolve(x, weight, bias))

        def in_splits() -> str:
            channels = np.arange(layer.in_channels).reshape(layer.groups, layer.splits, -1)
            parts = np.split(weight, layer.splits, axis=1)
            sums = []
            for split, part in enumerate(parts):
                chosen = self.node("Gather", x, self.constant(channels[:, split].ravel()), axis=1)
                product = convolve(chosen, part, bias if split == 0 else np.zeros_like(bias))
                sums.append(self.node("Cast", product, to=TensorProto.DOUBLE))
            floor = self.node("Floor", self.node("Sum", *sums))
            return self.node("Cast", floor, to=TensorProto.FLOAT)

        if layer.splits == 1 or layer.groups > 1:
            result = in_one() if layer.splits == 1 else in_splits()
        else:  # one product does where the values at hand keep the bound over all splits together
            peak = self.node("ReduceMax", self.node("Abs", x), axes=[0, 2, 3], keepdims=0)
            reached = self.node("MatMul", self.constant(reach, np.float32), peak)
            spare = self.node("Sub", self.constant(limit, np.float32), reached)
            least = self.node("ReduceMin", spare, axes=[0], keepdims=0)
            is_one = self.node("Greater", least, self.constant(0, np.float32))
            branches = {"then_branch": self._branch(in_one), "else_branch": self._branch(in_splits)}
            result = self.node("If", is_one, **branches)
        return self.clip(result, layer.range)

    def _branch(self, emit: Callable[[], str]) -> onnx.GraphProto:
        """Collect the nodes that `emit` adds in a graph of their own."""
        first = len(self.nodes)
        output = helper.make_tensor_value_info(emit(), TensorProto.FLOAT, None)
        branch = helper.make_graph(self.nodes[first:], output.name, [], [output])
        del self.nodes[first:]
        return branch

    def pixel_shuffle(self, layer: layers.PixelShuffle, x: str) -> str:
        return self.node("DepthToSpace", x, blocksize=layer.factor, mode="CRD")

    def pixel_unshuffle(self, layer: layers.PixelUnshuffle, x: str) -> str:
        planes = self.node("Transpose", x, perm=[1, 0, 2, 3])  # SpaceToDepth of each channel alone
        phases = self.node("SpaceToDepth", planes, blocksize=layer.factor)
        channels = self.network.description.tensors[layer.output].channels
        return self.node("Reshape", phases, self.constant([1, channels, 0, 0]))

    def add(self, layer: layers.Add, a: str, b: str) -> str:
        return self.clip(self.node("Add", a, b), layer.range)

    def lookup(self, layer: layers.Lookup, x: str) -> str:
        table = self.network.table(layer)
        clipped = self.clip(x, layers.ValueRange(0, len(table) - 1))
        index = self.node("Cast", clipped, to=TensorProto.INT32)
        flat = self.node("Reshape", index, self.constant([-1]))
        entries = self.node("GatherElements", self.constant(table, np.float32), flat)
        return self.node("Reshape", entries, self.node("Shape", x))

    def abs(self, layer: layers.Abs, x: str) -> str:
        return self.node("Abs", x)

    def concat(self, layer: layers.Concat, *tensors: str) -> str:
        return self.node("Concat", *tensors, axis=1)

    def slice(self, layer: layers.Slice, x: str) -> str:
        bounds = [self.constant([bound]) for bound in (layer.begin, layer.end, 1)]
        return self.node("Slice", x, *bounds)

    def quality_bias(self, layer: layers.QualityBias, x: str) -> str:
        quality = f"{layer.name}.quality"
        self._add_input(quality, f"{quality}.h", f"{quality}.w")
        table = self.constant(self.network.table(layer).T, np.float32)
        return self.clip(
            self.node("Add", x, self.node("Gather", table, quality, axis=1)), layer.range
        )

    def shift_pad(self, layer: layers.ShiftPad, x: str) -> str:
        steps = self.constant(np.arange(layer.n))
        for axis in (2, 3):
            side = self.node("Gather", self.node("Shape", x), self.constant([axis]), axis=0)
            period, last = self.node("Add", side, side), self.node("Sub", side, self.constant([1]))
            before = self.node("Sub", self.constant([layer.n - 1]), steps)
            after = self.node("Sub", last, steps)
            # Where n exceeds the side, the mirrored plane is mirrored again.
            parts = []
            for index in (before, after):
                phase = self.node("Mod", index, period)
                back = self.node("Sub", self.node("Sub", period, self.constant([1])), phase)
                parts.append(self.node("Gather", x, self.node("Min", phase, back), axis=axis))
            x = self.node("Concat", parts[0], x, parts[1], axis=axis)
        return x

    def crop(self, layer: layers.Crop, x: str) -> str:
        bounds = [self.constant([bound] * 2) for bound in (layer.n, -layer.n)]
        return self.node("Slice", x, *bounds, self.constant([2, 3]))

    def shift_left(self, layer: layers.ShiftLeft, x: str) -> str:
        return self.clip(self.node("Mul", x, self.constant(1 << layer.n, np.float32)), layer.range)
