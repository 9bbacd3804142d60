# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - Backend says what each operation computes.
"""The portable fast path: matrix products in float32, exact by the exactness bound.

Tensors are float32 arrays that hold integers. The requantisation's factor 2**-shift is folded
into weights and bias: scaling by a power of two changes no digit, so every partial sum is as
exact as the integer it stands for, and `floor` completes the arithmetic shift. Only where a layer
has splits are their integer sums added, and shifted, in int32.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import F32Map, I32Map
from refdec.network.exactness import ConvTensors
from refdec.network.integer_backend import IntegerBackend
from refdec.network.layers import Conv

_STRIP = 1200
"""Positions per strip of rows: keeps the copies in cache and the matrix product efficient."""
_CHUNK = 1 << 16
"""Values per chunk of channels in a depthwise convolution."""


class _PreparedConv(NamedTuple):
    layer: Conv
    weight: F32Map
    """One matrix per split and kernel row, (splits, k, groups, O / groups, I / (groups * splits) *
    k); of a depthwise layer (C, k, k, 1)."""
    bias: NDArray[Any]
    """(O, 1)"""
    shift: I32Map
    """(O, 1)"""


class NumpyBackend(IntegerBackend):
    """Nothing but NumPy and the BLAS it brings; other operations are the reference's."""

    name = "numpy"
    dtype = np.float32

    def prepare_conv(self, layer: Conv, tensors: ConvTensors) -> _PreparedConv:
        weight, bias, shift = float_operands(layer, tensors)
        k, groups, splits = layer.kernel, layer.groups, layer.splits
        if _is_depthwise(layer):
            weight = weight.reshape(-1, k, k, 1)
        else:
            parts = weight.reshape(groups, layer.out_channels // groups, splits, -1, k, k)
            parts = parts.transpose(2, 4, 0, 1, 3, 5)
            weight = parts.reshape(splits, k, groups, layer.out_channels // groups, -1)
        return _PreparedConv(layer, np.ascontiguousarray(weight), bias[:, None], shift[:, None])

    def conv(self, prepared: _PreparedConv, x: F32Map) -> F32Map:
        layer, weight, bias, shift = prepared
        if _is_depthwise(layer):
            return _depthwise(prepared, x)
        _, height, width = x.shape
        out = np.empty((layer.out_channels, height * width), np.float32)
        for begin, size, columns in _strips(x, layer.kernel):
            factors = columns.reshape(layer.groups, layer.splits, -1, columns.shape[1])
            sums: NDArray[Any] = _products(weight[0], factors[:, 0], size, width)
            if layer.splits == 1:
                sums += bias
                np.floor(sums, out=sums)
            else:
                sums = sums.astype(np.int32)
                for split in range(1, layer.splits):
                    part = _products(weight[split], factors[:, split], size, width)
                    sums += part.astype(np.int32)
                sums += bias
                sums >>= shift
            out[:, begin : begin + size] = self.clip(sums, layer.range)
        return out.reshape(-1, height, width)


def float_operands(layer: Conv, tensors: ConvTensors) -> tuple[F32Map, NDArray[Any], I32Map]:
    """Return weight, bias and shift (O) as the float backends use them.

    Without splits, weight and bias are float32 and hold the factor 2**-shift. With splits, the
    weight is as it is, the bias int32.
    """
    weight, shift = tensors.weight.astype(np.float32), tensors.shift.astype(np.int32)
    if layer.splits > 1:
        return weight, tensors.bias.astype(np.int32), shift
    scale = np.ldexp(np.ones(shift.shape, np.float32), -shift)
    return weight * scale[:, None, None, None], tensors.bias.astype(np.float32) * scale, shift


def _is_depthwise(layer: Conv) -> bool:
    return layer.groups == layer.in_channels == layer.out_channels


def _products(weight: F32Map, factors: F32Map, size: int, width: int) -> F32Map:
    """Multiply by each kernel row's matrix, W positions apart, and add: (O, size)."""
    sums: F32Map = weight[0] @ factors[..., :size]
    for row in range(1, len(weight)):
        sums += weight[row] @ factors[..., row * width : row * width + size]
    return sums.reshape(-1, size)


def _strips(x: F32Map, kernel: int) -> Iterator[tuple[int, int, F32Map]]:
    """Cut a plane into strips of rows, as the right factors of the matrix products.

    Yields
    ------
    First position of the strip, its number of positions, and (C * kernel, positions + (kernel - 1)
    * W): each channel with its neighbours in the row, zero outside the plane.
    """
    channels, height, width = x.shape
    step = max(1, _STRIP // width)
    for first in range(0, height, step):
        count = min(step, height - first)
        if kernel == 1:
            columns = x.reshape(channels, -1)[:, first * width : (first + count) * width]
        else:
            shifted = np.zeros((channels, 3, count + 2, width), np.float32)
            top, bottom = max(first - 1, 0), min(first + count + 1, height)
            source, rows = x[:, top:bottom], slice(top - first + 1, bottom - first + 1)
            shifted[:, 0, rows, 1:] = source[:, :, :-1]
            shifted[:, 1, rows] = source
            shifted[:, 2, rows, :-1] = source[:, :, 1:]
            columns = shifted.reshape(channels * 3, -1)
        yield first * width, count * width, columns


def _depthwise(prepared: _PreparedConv, x: F32Map) -> F32Map:
    """Multiply and add shifted planes, a chunk of channels at a time.

    Rows are padded and joined, so that a shift in two dimensions is one in memory.
    """
    layer, weight, bias, _ = prepared
    channels, height, width = x.shape
    out = np.empty(x.shape, np.float32)
    around = layer.kernel // 2
    pitch = width + 2 * around
    size = height * pitch
    step = max(1, _CHUNK // size)
    for first in range(0, channels, step):
        chunk = slice(first, first + step)
        count = min(step, channels - first)
        padded = np.zeros((count, height + 3 * around, pitch), np.float32)
        padded[:, around : around + height, around : around + width] = x[chunk]
        flat = padded.reshape(count, -1)
        sums = flat[:, :size] * weight[chunk, 0, 0]
        product = np.empty_like(sums)
        for tap in range(1, layer.kernel**2):
            row, column = divmod(tap, layer.kernel)
            begin = row * pitch + column
            np.multiply(flat[:, begin : begin + size], weight[chunk, row, column], out=product)
            sums += product
        sums += bias[chunk]
        np.clip(np.floor(sums, out=sums), *layer.range, out=sums)
        out[chunk] = sums.reshape(count, height, pitch)[:, :, :width]
    return out
