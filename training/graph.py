"""Networks as layer lists that train in float and run, bit for bit, as the packed integers will.

A tensor here holds real numbers that are multiples of 2**-f; its integer twin in the decoder is the number times 2**f.
Every layer rounds and clips exactly as `refdec.network` does (quantisation in the loop), and passes gradients straight
through the rounding, so a trained graph exports to integers without another step.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

ANCHORS = 8
QUALITIES = 64


@dataclass(frozen=True)
class Wire:
    """What is known of a tensor before it is computed: channels, integer range, fraction bits."""

    channels: int
    lo: int
    hi: int
    f: int


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Value of `hard`, gradient of `soft`."""
    return soft + (hard - soft).detach()


def at_quality(anchors: Tensor, quality: Tensor) -> Tensor:
    """Interpolate rows of `anchors` (ANCHORS, C) linearly at `quality` (B,) in 0..63; returns (B, C)."""
    place = quality.float() * (ANCHORS - 1) / (QUALITIES - 1)
    low = place.floor().long().clamp(0, ANCHORS - 2)
    part = (place - low)[:, None]
    return anchors[low] * (1 - part) + anchors[low + 1] * part


def depthwise(x: Tensor, weight: Tensor) -> Tensor:
    """Depthwise convolution as shifted products: much faster than grouped conv2d on small planes."""
    k = weight.shape[-1]
    if k == 1:
        return x * weight[:, 0]
    h, w = x.shape[2:]
    x = F.pad(x, (1, 1, 1, 1))
    return sum(
        x[..., i : i + h, j : j + w] * weight[:, 0, i, j][:, None, None]
        for i in range(k)
        for j in range(k)
    )


class Conv(nn.Module):
    """Convolution with int8 weights, power-of-two requantisation and the 2**24 bound of law 1."""

    def __init__(self, source: Wire, out: Wire, kernel: int, groups: int, splits: int) -> None:
        super().__init__()
        self.source, self.out, self.groups, self.splits = source, out, groups, splits
        fan_in = source.channels // groups * kernel * kernel
        weight = torch.randn(out.channels, source.channels // groups, kernel, kernel)
        self.weight = nn.Parameter(weight * math.sqrt(1 / fan_in))
        self.bias = nn.Parameter(torch.zeros(out.channels))
        self.age, self.known = 0, torch.zeros(0)
        self.rounding = True

    def split_sums(self, weight: Tensor) -> Tensor:
        """Largest sum of absolute weights over the input splits, per output channel."""
        n = weight.shape[1] // self.splits
        return torch.stack([p.abs().sum((1, 2, 3)) for p in weight.split(n, 1)]).amax(0)

    @torch.no_grad()
    def exponents(self) -> Tensor:
        """Per output channel: fraction bits of the integer weights."""
        a_max = max(abs(self.source.lo), abs(self.source.hi))
        largest = self.weight.abs().amax((1, 2, 3)).clamp_min(1e-9)
        s = torch.floor(torch.log2(127.49 / largest))
        real = self.bias.abs() * 2.0**self.source.f
        count = self.weight[0].numel() // self.splits
        for _ in range(
            3
        ):  # weights and bias at exponent s, each rounded up, plus the rounding offset
            half = 2.0 ** (s + self.source.f - self.out.f - 1)
            worst = (
                a_max * (self.split_sums(self.weight) * 2**s + 0.5 * count**0.5)
                + real * 2**s
                + half
                + 2
            )
            s = torch.where(worst >= 2**24, s - 1, s)
            exact = torch.round(self.weight * (2**s)[:, None, None, None])
            worst = a_max * self.split_sums(exact) + real * 2**s + half + 1
            s = torch.where(worst >= 2**24, s - 1, s)
        low = self.out.f - self.source.f  # the shift is not negative ...
        return s.clamp(low, low + 23)  # ... and at most 23

    def recent_exponents(self) -> Tensor:
        """Exponents, looked up again every 16 calls in training: they hardly ever change."""
        if not self.training or self.age % 16 == 0:
            self.known = self.exponents()
        self.age += 1
        return self.known

    def integers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Integer weight, bias (rounding offset folded in) and shift."""
        s = self.exponents()
        shift = s + self.source.f - self.out.f
        weight = torch.round(self.weight * (2**s)[:, None, None, None]).clamp(-128, 127)
        half = torch.where(shift > 0, 2 ** (shift - 1), torch.zeros_like(shift))
        return weight, torch.round(self.bias * 2 ** (s + self.source.f)) + half, shift

    def rounded_parameters(self) -> tuple[Tensor, Tensor]:
        """Weight and bias as their integers say, with the gradient of the real ones."""
        s = self.recent_exponents()
        scale = (2**s)[:, None, None, None]
        weight = torch.round(self.weight * scale).clamp(-128, 127) / scale
        step = 2 ** (s + self.source.f)
        bias = torch.round(self.bias * step) / step
        return straight_through(weight, self.weight), straight_through(bias, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.rounded_parameters() if self.rounding else (self.weight, self.bias)
        if self.groups == x.shape[1]:
            y = depthwise(x, weight) + bias[:, None, None]
        elif weight.shape[-1] == 1 and self.groups == 1:
            y = (weight[:, :, 0, 0] @ x.flatten(2)).unflatten(2, x.shape[2:]) + bias[:, None, None]
        else:
            y = F.conv2d(x, weight, bias, padding=self.weight.shape[-1] // 2, groups=self.groups)
        f = 2.0**self.out.f
        if self.rounding:
            y = straight_through(torch.floor(y.detach() * f + 0.5) / f, y)
        return y.clamp(self.out.lo / f, self.out.hi / f)


class QualityBias(nn.Module):
    """Adds a table row chosen by the quality index; the row is interpolated between trained anchors."""

    def __init__(self, out: Wire) -> None:
        super().__init__()
        self.out = out
        self.anchors = nn.Parameter(torch.zeros(ANCHORS, out.channels))
        self.rounding = True

    def rows(self, quality: Tensor) -> Tensor:
        row = at_quality(self.anchors, quality)
        if not self.rounding:
            return row
        f = 2.0**self.out.f
        return straight_through(torch.round(row * f) / f, row)

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        f = 2.0**self.out.f
        y = x + self.rows(quality)[:, :, None, None]
        return y.clamp(self.out.lo / f, self.out.hi / f)


@dataclass(frozen=True)
class Lookup:
    """Elementwise table: values of `log2(1 + 10 x / 2**f_in)` times 2**6, for x = 0 .. size - 1."""

    name: str
    size: int
    f_in: int

    def values(self) -> np.ndarray:
        """Return the int16 table (size,)."""
        x = np.arange(self.size) / 2.0**self.f_in
        return np.round(64 * np.log2(1 + 10 * x)).astype(np.int16)


SYMBOL_LOG = Lookup("log_symbol", 128, 0)
AVERAGE_LOG = Lookup("log_average", 2048, 4)


def without_rounding(net: nn.Module) -> None:
    """Let the layers of a network compute with real numbers; ranges are kept."""
    for layer in net.modules():
        if isinstance(layer, Conv | QualityBias):
            layer.rounding = False


@torch.no_grad()
def settle(net: nn.Module) -> None:
    """Move the parameters of convolutions to where their integers are.

    Training with rounding leaves each anywhere within half a unit of its integer; a shift that all parameters of a
    layer have in common does harm as soon as they are not rounded.
    """
    for layer in net.modules():
        if isinstance(layer, Conv):
            weight, bias = layer.rounded_parameters()
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)


def symmetric(x: Tensor, n: int) -> Tensor:
    """Pad by n on all sides, mirroring with the edge sample repeated."""
    x = torch.cat([x[..., :n].flip(-1), x, x[..., -n:].flip(-1)], -1)
    return torch.cat([x[..., :n, :].flip(-2), x, x[..., -n:, :].flip(-2)], -2)


@dataclass
class Step:
    """One layer: its JSON description, and its module where it has parameters."""

    description: dict[str, Any]
    module: nn.Module | None = field(default=None)


class Graph(nn.Module):
    """A network under construction and in training; `export` gives the description and integer tensors."""

    def __init__(self, name: str, stride: int = 16, **inputs: Wire) -> None:
        super().__init__()
        self.name, self.stride, self.inputs, self.outputs = name, stride, inputs, []
        self.wires: dict[str, Wire] = dict(inputs)
        self.steps: list[Step] = []
        self.modules_by_layer = nn.ModuleDict()
        self.lookups: dict[str, Lookup] = {}

    def emit(
        self,
        op: str,
        output: str,
        inputs: list[str],
        wire: Wire,
        module: nn.Module | None = None,
        **more: Any,
    ) -> str:
        self.wires[output] = wire
        self.steps.append(Step({"op": op, "name": output, "inputs": inputs, **more}, module))
        if module is not None:
            self.modules_by_layer[output] = module
        return output

    def conv(
        self,
        output: str,
        source: str,
        channels: int,
        kernel: int,
        f: int,
        lo: int = -2047,
        hi: int = 2047,
        groups: int = 1,
        splits: int = 1,
    ) -> str:
        w = self.wires[source]
        out = Wire(channels, lo, hi, f)
        more = {
            "kernel": kernel,
            "in_channels": w.channels,
            "out_channels": channels,
            "range": [lo, hi],
        }
        more |= {"groups": groups} if groups > 1 else {}
        more |= {"splits": splits} if splits > 1 else {}
        return self.emit(
            "conv", output, [source], out, Conv(w, out, kernel, groups, splits), **more
        )

    def add(self, output: str, a: str, b: str, lo: int = -2047, hi: int = 2047) -> str:
        wa, wb = self.wires[a], self.wires[b]
        if (wa.channels, wa.f) != (wb.channels, wb.f):
            raise ValueError(f"{self.name}.{output}: {wa} + {wb}")
        return self.emit("add", output, [a, b], Wire(wa.channels, lo, hi, wa.f), range=[lo, hi])

    def quality_bias(self, output: str, source: str, lo: int = -2047, hi: int = 2047) -> str:
        w = self.wires[source]
        out = Wire(w.channels, lo, hi, w.f)
        return self.emit(
            "quality_bias",
            output,
            [source],
            out,
            QualityBias(out),
            table=f"{self.name}.{output}.table",
            range=[lo, hi],
        )

    def lookup(self, output: str, source: str, table: Lookup) -> str:
        w = self.wires[source]
        if w.f != table.f_in:
            raise ValueError(
                f"{self.name}.{output}: table {table.name} wants {table.f_in} fraction bits, not {w.f}"
            )
        self.lookups[output] = table
        values = table.values()
        return self.emit(
            "lookup",
            output,
            [source],
            Wire(w.channels, 0, int(values[-1]), 6),
            table=table.name,
            range=[0, int(values[-1])],
        )

    def plain(self, op: str, output: str, sources: list[str], **more: Any) -> str:
        """Layers without parameters: pixel_shuffle, pixel_unshuffle, abs, concat, shift_pad, crop."""
        w = [self.wires[s] for s in sources]
        square = more.get("factor", 1) ** 2
        channels = {
            "pixel_shuffle": w[0].channels // square,
            "pixel_unshuffle": w[0].channels * square,
            "concat": sum(v.channels for v in w),
        }.get(op, w[0].channels)
        lo, hi = min(v.lo for v in w), max(v.hi for v in w)
        if op == "abs":
            lo, hi = 0, max(-lo, hi)
        return self.emit(op, output, sources, Wire(channels, lo, hi, w[0].f), **more)

    def forward(self, quality: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
        t = dict(inputs)
        for step in self.steps:
            d, a = step.description, [t[name] for name in step.description["inputs"]]
            match d["op"]:
                case "conv":
                    y = step.module(a[0])
                case "quality_bias":
                    y = step.module(a[0], quality)
                case "add":
                    w = self.wires[d["name"]]
                    y = (a[0] + a[1]).clamp(w.lo / 2.0**w.f, w.hi / 2.0**w.f)
                case "lookup":
                    table = self.lookups[d["name"]]
                    index = (
                        (a[0].detach() * 2.0**table.f_in).round().long().clamp(0, table.size - 1)
                    )
                    hard = torch.from_numpy(table.values().astype(np.float32) / 64).to(a[0].device)[
                        index
                    ]
                    y = (
                        straight_through(hard, torch.log2(1 + 10 * a[0]))
                        if a[0].requires_grad
                        else hard
                    )
                case "abs":
                    y = a[0].abs()
                case "concat":
                    y = torch.cat(a, 1)
                case "pixel_shuffle":
                    y = F.pixel_shuffle(a[0], d["factor"])
                case "pixel_unshuffle":
                    y = F.pixel_unshuffle(a[0], d["factor"])
                case "shift_pad":
                    y = symmetric(a[0], d["n"])
                case "crop":
                    n = d["n"]
                    y = a[0][..., n:-n, n:-n]
                case op:
                    raise ValueError(f"unknown op {op}")
            t[d["name"]] = y
        return {name: t[name] for name in self.outputs}

    @torch.no_grad()
    def export(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the JSON description and the integer tensors by their model-set names."""
        tensors: dict[str, np.ndarray] = {}
        for step in self.steps:
            key = f"{self.name}.{step.description['name']}"
            if isinstance(step.module, Conv):
                weight, bias, shift = step.module.integers()
                tensors[key + ".weight"] = weight.cpu().numpy().astype(np.int8)
                tensors[key + ".bias"] = bias.cpu().numpy().astype(np.int32)
                tensors[key + ".shift"] = shift.cpu().numpy().astype(np.uint8)
            elif isinstance(step.module, QualityBias):
                rows = step.module.rows(torch.arange(QUALITIES)) * 2.0**step.module.out.f
                tensors[key + ".table"] = rows.cpu().numpy().astype(np.int16)
        tensors |= {t.name: t.values() for t in self.lookups.values()}
        description = {
            "name": self.name,
            "inputs": [
                {"name": n, "channels": w.channels, "range": [w.lo, w.hi], "stride": self.stride}
                for n, w in self.inputs.items()
            ],
            "outputs": self.outputs,
            "layers": [s.description for s in self.steps],
        }
        return description, tensors
