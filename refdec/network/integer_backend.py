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
    """Everything as the text says it."""

    name = "integer"
    dtype: type[np.generic] = np.int64

    def from_numpy(self, plane: I32Map | I16Map) -> Plane:
        return plane.astype(self.dtype)

    def to_numpy(self, tensor: Plane) -> I32Map:
        return tensor.astype(np.int32)

    def as_index(self, values: Plane) -> Plane:
        return values.astype(np.intp)

    def clip(self, x: Plane, limits: layers.ValueRange) -> Plane:
        return np.clip(x, *limits, out=x)

    def permute(self, x: Plane, *axes: int) -> Plane:
        return x.transpose(axes)

    def concat(self, layer: layers.Concat, *tensors: Plane) -> Plane:
        return np.concatenate(tensors)

    def shift_pad(self, layer: layers.ShiftPad, x: Plane) -> Plane:
        return np.pad(x, ((0, 0), (layer.n, layer.n), (layer.n, layer.n)), mode="symmetric")

    def prepare_conv(self, layer: layers.Conv, tensors: ConvTensors) -> Any:
        return layer, tensors

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
        return self.clip(sums >> shift[:, None, None].astype(np.int64), layer.range)
