# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002, D102 - Backend says what each operation takes and computes.
"""The plain integer reference in NumPy: int64 throughout, nothing fast."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I16Map, I32Map
from refdec.network import layers
from refdec.network.backend import Backend
from refdec.network.exactness import ConvTensors

Plane = NDArray[Any]
"""(C, H, W) of the backend's element type."""


class IntegerBackend(Backend):
    """Everything as the text says it; only `conv` depends on the element type."""

    name = "integer"
    dtype: type[np.generic] = np.int64

    def from_numpy(self, plane: I32Map) -> Plane:
        return plane.astype(self.dtype)

    def to_numpy(self, tensor: Plane) -> I32Map:
        return tensor.astype(np.int32)

    def prepare_conv(self, layer: layers.Conv, tensors: ConvTensors) -> Any:
        return layer, tensors

    def prepare_table(self, table: I16Map) -> Plane:
        return table.astype(self.dtype)

    def conv(self, prepared: Any, x: Plane) -> Plane:
        layer, (weight, bias, shift) = prepared
        (_, height, width), groups, around = x.shape, layer.groups, layer.kernel // 2
        padded = np.pad(x, ((0, 0), (around, around), (around, around)))
        sums = np.zeros((groups, layer.out_channels // groups, height * width), np.int64)
        for row, column in np.ndindex(layer.kernel, layer.kernel):
            values = padded[:, row : row + height, column : column + width]
            values = values.reshape(groups, -1, height * width)
            factors = weight[:, :, row, column].reshape(groups, -1, values.shape[1])
            sums += np.einsum("goi,gip->gop", factors.astype(np.int64), values)
        sums = sums.reshape(layer.out_channels, height, width) + bias[:, None, None]
        return clip(sums >> shift[:, None, None].astype(np.int64), layer.range)

    def pixel_shuffle(self, layer: layers.PixelShuffle, x: Plane) -> Plane:
        factor, (channels, height, width) = layer.factor, x.shape
        parts = x.reshape(channels // factor**2, factor, factor, height, width)
        return parts.transpose(0, 3, 1, 4, 2).reshape(-1, height * factor, width * factor)

    def pixel_unshuffle(self, layer: layers.PixelUnshuffle, x: Plane) -> Plane:
        factor, (channels, height, width) = layer.factor, x.shape
        parts = x.reshape(channels, height // factor, factor, width // factor, factor)
        return parts.transpose(0, 2, 4, 1, 3).reshape(-1, height // factor, width // factor)

    def add(self, layer: layers.Add, a: Plane, b: Plane) -> Plane:
        return clip(a + b, layer.range)

    def lookup(self, layer: layers.Lookup, table: Plane, x: Plane) -> Plane:
        return table.take(x.astype(np.intp), mode="clip")

    def abs(self, layer: layers.Abs, x: Plane) -> Plane:
        return np.abs(x)

    def concat(self, layer: layers.Concat, *tensors: Plane) -> Plane:
        return np.concatenate(tensors)

    def slice(self, layer: layers.Slice, x: Plane) -> Plane:
        return x[layer.begin : layer.end]

    def quality_bias(
        self, layer: layers.QualityBias, table: Plane, x: Plane, quality: I32Map
    ) -> Plane:
        return clip(x + table.T[:, quality], layer.range)

    def shift_pad(self, layer: layers.ShiftPad, x: Plane) -> Plane:
        around = (layer.n, layer.n)
        return np.pad(x, ((0, 0), around, around), mode="symmetric")

    def crop(self, layer: layers.Crop, x: Plane) -> Plane:
        return np.ascontiguousarray(x[:, layer.n : -layer.n, layer.n : -layer.n])

    def shift_left(self, layer: layers.ShiftLeft, x: Plane) -> Plane:
        return clip(x * (1 << layer.n), layer.range)


def clip(values: Plane, limits: layers.ValueRange) -> Plane:
    """Clip an array in place and return it."""
    return np.clip(values, limits.lo, limits.hi, out=values)
