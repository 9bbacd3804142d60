# SPDX-License-Identifier: Apache-2.0
"""Networks for tests: one-layer ones by hand, random ones over all operations for Hypothesis."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdec.network import Network, parse_network
from refdec.network.layers import EXACT_LIMIT, LAYERS, TensorInfo, ValueRange

Document = dict[str, Any]
Tensors = dict[str, NDArray[Any]]


def document(layers: list[Document], inputs: list[Document] | None = None) -> Document:
    """A network `net` whose output is its last layer's; input `x` of 4 channels by default."""
    return {
        "name": "net",
        "inputs": inputs or [{"name": "x", "channels": 4, "range": [-100, 100]}],
        "layers": layers,
        "outputs": [layers[-1]["name"]],
    }


def conv(name: str = "c", source: str = "x", **changes: Any) -> Document:
    """A 3x3 convolution of 4 to 2 channels."""
    layer = {"op": "conv", "name": name, "inputs": [source], "kernel": 3, "in_channels": 4,
             "out_channels": 2, "range": [-2048, 2047]}  # fmt: skip
    return layer | changes


def conv_tensors(weight: NDArray[Any], bias: Any = 0, shift: Any = 0, name: str = "c") -> Tensors:
    """Tensors of convolution `name` in network `net`."""
    outputs = weight.shape[0]
    return {
        f"net.{name}.weight": weight.astype(np.int8),
        f"net.{name}.bias": np.full(outputs, bias, np.int32) if np.isscalar(bias) else bias,
        f"net.{name}.shift": np.full(outputs, shift, np.uint8),
    }


def network(
    layers: list[Document], tensors: Tensors, inputs: list[Document] | None = None
) -> Network:
    """Parse and bind; the tensors are read-only, as those of a file are."""
    for tensor in tensors.values():
        tensor.flags.writeable = False
    return Network(description=parse_network(document(layers, inputs)), tensors=tensors)


def extreme_weights(
    rng: np.random.Generator, shape: tuple[int, ...], splits: int, limit: int
) -> NDArray[np.int8]:
    """Random weights (O, I, k, k) whose absolute sum per split is `limit` where int8 allows."""
    outputs = shape[0]
    per_split = int(np.prod(shape[1:])) // splits
    limit = min(limit, 127 * per_split)
    base, extra = divmod(limit, per_split)
    magnitude = np.full((outputs, splits, per_split), base)
    magnitude[:, :, :extra] += 1
    signs = rng.choice([-1, 1], magnitude.shape)
    return rng.permuted(magnitude * signs, axis=2).reshape(shape).astype(np.int8)


@st.composite
def networks(  # noqa: C901, PLR0912, PLR0915 - one case per operation
    draw: st.DrawFn, *, max_layers: int = 8
) -> Network:
    """Random networks over all operations, weights up to the exactness bound."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wide = draw(st.booleans())
    limit = draw(st.sampled_from([1, 37, 2047, 4095])) if wide else 255
    inputs: list[Document] = [
        {"name": "x", "channels": 4, "range": [-limit, limit], "stride": 16},
        {"name": "y", "channels": 8, "range": [0, limit], "stride": 16},
    ]
    known = {
        item["name"]: TensorInfo(item["channels"], ValueRange(*item["range"]), 16, 0)
        for item in inputs
    }
    tensors: Tensors = {}
    layers: list[Document] = []
    for index in range(draw(st.integers(1, max_layers))):
        name = f"t{index}"
        sources = [draw(st.sampled_from(sorted(known)))]
        source = known[sources[0]]
        op = draw(st.sampled_from(["conv"] * 6 + sorted(LAYERS)))
        bound = draw(st.sampled_from([15, 2047, 8000]))
        lo = draw(st.sampled_from([-bound, 0, -bound - 1]))
        layer: Document = {"op": op, "name": name, "inputs": sources}
        match op:
            case "conv":
                layer |= _random_conv(draw, rng, name, source, tensors) | {"range": [lo, bound]}
            case "pixel_shuffle" if source.channels % 4 == 0 and source.stride > 4:
                layer["factor"] = 2
            case "pixel_unshuffle" if (
                source.channels <= 16 and source.stride < 32 and source.margin == 0
            ):
                layer["factor"] = 2
            case "add" | "concat":
                grid = (source.stride, source.margin)
                same = [n for n, t in known.items() if (t.stride, t.margin) == grid]
                if op == "add":
                    same = [n for n in same if known[n].channels == source.channels]
                    layer["range"] = [lo, bound]
                sources.append(draw(st.sampled_from(same)))
            case "lookup":
                tensors[name] = rng.integers(
                    lo, bound, draw(st.integers(1, 300)), endpoint=True
                ).astype(np.int16)
                layer |= {"table": name, "range": [lo, bound]}
            case "quality_bias":
                tensors[name] = rng.integers(-3000, 3000, (64, source.channels)).astype(np.int16)
                layer |= {"table": name, "range": [lo, bound]}
            case "slice":
                begin = draw(st.integers(0, source.channels - 1))
                layer |= {"begin": begin, "end": draw(st.integers(begin + 1, source.channels))}
            case "shift_pad" if source.stride <= 16:
                layer["n"] = draw(st.integers(1, 3))
            case "crop" if source.margin >= source.stride:
                layer["n"] = 1
            case "shift_left":
                layer |= {"n": draw(st.integers(0, 8)), "range": [lo, bound]}
            case _:
                layer["op"] = "abs"
        description = parse_network(document([*layers, layer], inputs))
        known[name] = description.tensors[name]
        layers.append(layer)
    final = document(layers, inputs)
    final["outputs"] = [layer["name"] for layer in layers if draw(st.booleans())] or final[
        "outputs"
    ]
    return Network(description=parse_network(final), tensors=tensors)


def _random_conv(
    draw: st.DrawFn, rng: np.random.Generator, name: str, source: TensorInfo, tensors: Tensors
) -> Document:
    channels = source.channels
    groups = draw(st.sampled_from([g for g in (1, 2, 4, channels) if channels % g == 0]))
    splits = draw(st.sampled_from([s for s in (1, 2, 4) if channels // groups % s == 0]))
    kernel = draw(st.sampled_from([1, 3]))
    outputs = groups * draw(st.sampled_from([1, 2, 3]))
    bias = rng.integers(-5000, 5000, outputs).astype(np.int32)
    worst = (EXACT_LIMIT - 1 - 5000) // max(1, source.range.magnitude)
    weight = extreme_weights(rng, (outputs, channels // groups, kernel, kernel), splits, worst)
    tensors |= conv_tensors(weight, bias, draw(st.integers(0, 16)), name)
    return {"kernel": kernel, "in_channels": channels, "out_channels": outputs,
            "groups": groups, "splits": splits}  # fmt: skip


def random_inputs(
    network: Network, rng: np.random.Generator, height: int, width: int, *, extreme: bool
) -> Tensors:
    """Inputs for a picture of (height, width) samples: uniform, or only the bounds of the range."""
    tensors = {}
    for item in network.description.inputs:
        shape = (item.channels, height // item.stride, width // item.stride)
        lo, hi = item.range
        plane = (
            rng.choice([lo, hi], shape) if extreme else rng.integers(lo, hi, shape, endpoint=True)
        )
        tensors[item.name] = plane.astype(np.int32)
    return tensors
