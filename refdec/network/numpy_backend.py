# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002, D102 - Backend says what each operation takes and computes.
"""The fast path without further libraries: BLAS products of float32, exact by the exactness bound.

Tensors are float32 arrays that hold integers. The requantisation's factor 2**-shift is folded
into weights and bias: scaling by a power of two changes no digit, so every partial sum is as
exact as the integer it stands for, and `floor` completes the arithmetic shift. Sums of splits are
added in binary64.

Work is cut into strips of rows, which stay in a core's cache and are shared out to the threads.
Two properties of a strip save multiplications: input channels that are zero throughout are left
out, and where the values at hand keep the bound over all splits together, one product does.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from refdec.arithmetic import ceil_div
from refdec.arrays import F32Map
from refdec.network.exactness import ConvTensors
from refdec.network.integer_backend import IntegerBackend
from refdec.network.layers import EXACT_LIMIT, Add, Conv, Lookup

_STRIP = 1200
"""Positions per strip: keeps the copies in cache and the matrix product efficient."""
_CHUNK = 1 << 16
"""Values per chunk of channels where these are independent."""


class _PreparedConv(NamedTuple):
    layer: Conv
    weight: F32Map
    """A matrix per kernel row, (k, groups, O / groups, I / groups, k); depthwise (C, k, k, 1)."""
    bias: F32Map
    """(O, 1)"""
    reach: F32Map
    """(O, I / groups): magnitudes of the weights, summed over the kernel."""
    limit: F32Map
    """(O): what the products may reach for all sums to be exact."""


class NumpyBackend(IntegerBackend):
    """Nothing but NumPy and the BLAS it brings; operations without a method are the reference's."""

    name = "numpy"
    dtype = np.float32

    def __init__(self, threads: int | None = None) -> None:
        self._blas = ThreadpoolController().select(user_api="blas")
        self._threads = threads or max(
            (pool["num_threads"] for pool in self._blas.info()), default=1
        )
        self._pool = ThreadPoolExecutor(self._threads)

    def session(self) -> AbstractContextManager[Any]:
        """One BLAS thread for each of ours."""
        limits: AbstractContextManager[Any] = self._blas.limit(limits=1)
        return limits

    def permute(self, x: F32Map, *axes: int) -> F32Map:
        source = x.transpose(axes)
        return self._by_channels(lambda c, out: np.copyto(out, source[c]), source.shape)

    def add(self, layer: Add, a: F32Map, b: F32Map) -> F32Map:
        def work(chunk: slice, out: F32Map) -> None:
            np.clip(np.add(a[chunk], b[chunk], out=out), *layer.range, out=out)

        return self._by_channels(work, a.shape)

    def lookup(self, layer: Lookup, table: F32Map, x: F32Map) -> F32Map:
        def work(chunk: slice, out: F32Map) -> None:
            table.take(self.as_index(x[chunk]), mode="clip", out=out)

        return self._by_channels(work, x.shape)

    def prepare_conv(self, layer: Conv, tensors: ConvTensors) -> _PreparedConv:
        weight, bias, reach, limit = float_operands(tensors)
        k, groups = layer.kernel, layer.groups
        if _is_depthwise(layer):
            weight = weight.reshape(-1, k, k, 1)
        else:
            weight = weight.reshape(groups, layer.out_channels // groups, -1, k, k)
            weight = weight.transpose(3, 0, 1, 2, 4)
        return _PreparedConv(layer, np.ascontiguousarray(weight), bias[:, None], reach, limit)

    def conv(self, prepared: _PreparedConv, x: F32Map) -> F32Map:
        layer, shape = prepared.layer, (prepared.layer.out_channels, *x.shape[1:])
        if _is_depthwise(layer):
            return self._by_channels(partial(_depthwise, prepared, x), x.shape)
        if layer.kernel == 1:  # positions have no neighbours: each can be a row
            x = x.reshape(len(x), -1, 1)
        out = np.empty((layer.out_channels, *x.shape[1:]), np.float32)
        self._share(partial(_convolve, prepared, x, out), x.shape[1], x.shape[2] / _STRIP)
        return out.reshape(shape)

    def _by_channels(self, work: Callable[[slice, F32Map], None], shape: tuple[int, ...]) -> F32Map:
        """Let `work` fill chunks of channels of an array."""
        out = np.empty(shape, np.float32)
        self._share(lambda chunk: work(chunk, out[chunk]), len(out), out[0].size / _CHUNK)
        return out

    def _share(self, work: Callable[[slice], None], count: int, size: float) -> None:
        """Do `count` rows of work, each of `size` strips, as many strips on every thread."""
        strips = max(1, ceil(count * size / self._threads)) * self._threads
        step = max(1, ceil_div(count, strips))
        parts = [slice(first, min(first + step, count)) for first in range(0, count, step)]
        if self._threads == 1 or len(parts) == 1:
            for part in parts:
                work(part)
        else:
            list(self._pool.map(work, parts))


def float_operands(tensors: ConvTensors) -> tuple[F32Map, F32Map, F32Map, F32Map]:
    """Return a convolution's operands as the float backends use them, 2**-shift folded in.

    Weight and bias (O); the magnitudes of the weights, summed over the kernel (O, I / groups); and
    the limit (O) below which these, times those of the input, keep all sums exact.
    """
    scale = np.ldexp(np.float32(1), -tensors.shift.astype(np.int32))
    weight = tensors.weight.astype(np.float32) * scale[:, None, None, None]
    bias = tensors.bias.astype(np.float32) * scale
    return weight, bias, np.abs(weight).sum(axis=(2, 3)), EXACT_LIMIT * scale - np.abs(bias)


def _is_depthwise(layer: Conv) -> bool:
    return layer.groups == layer.in_channels == layer.out_channels


def _convolve(prepared: _PreparedConv, x: F32Map, out: F32Map, rows: slice) -> None:
    """Convolve a strip of rows: for each split, a product for each row of the kernel."""
    layer, weight, bias, reach, limit = prepared
    around, splits, width = layer.kernel // 2, layer.splits, x.shape[2]
    top = max(rows.start - around, 0)
    source = x[:, top : rows.stop + around]
    if layer.groups == 1:
        peak = np.maximum(source.max(axis=(1, 2)), -source.min(axis=(1, 2)))
        splits = 1 if (reach @ peak < limit).all() else splits
        if splits == 1 and not peak.all():
            source, weight = source[peak > 0], weight[:, :, :, peak > 0]
    columns = _columns(source, rows, top) if around else source
    size = (rows.stop - rows.start) * width
    factors = columns.reshape(
        layer.groups, weight.shape[3], layer.kernel, size + 2 * around * width
    )
    step = weight.shape[3] // splits
    first, *others = (slice(split * step, (split + 1) * step) for split in range(splits))
    sums: Any = _products(weight[:, :, :, first], factors[:, first], size, width)
    for part in others:
        products = _products(weight[:, :, :, part], factors[:, part], size, width)
        sums = np.add(sums, products, dtype=np.float64)
    sums += bias
    np.floor(sums, out=sums)
    np.clip(sums.reshape(-1, *out[0, rows].shape), *layer.range, out=out[:, rows])


def _columns(source: F32Map, rows: slice, top: int) -> F32Map:
    """Put beside each position its neighbours in the row: (C, 3, (rows + 2) * W).

    `source` are the rows of the plane from `top` on; outside the plane is zero.
    """
    channels, count, width = source.shape
    shifted = np.zeros((channels, 3, rows.stop - rows.start + 2, width), np.float32)
    inside = slice(top - rows.start + 1, top - rows.start + 1 + count)
    shifted[:, 0, inside, 1:] = source[:, :, :-1]
    shifted[:, 1, inside] = source
    shifted[:, 2, inside, :-1] = source[:, :, 1:]
    return shifted


def _products(weight: F32Map, factors: F32Map, size: int, width: int) -> F32Map:
    """Multiply by each kernel row's matrix, W positions apart, and add: (O, size)."""
    k, groups, outputs = weight.shape[:3]
    matrices, factors = (
        weight.reshape(k, groups, outputs, -1),
        factors.reshape(groups, -1, factors.shape[-1]),
    )
    sums: F32Map = matrices[0] @ factors[..., :size]
    product = np.empty_like(sums)
    for row in range(1, k):
        sums += np.matmul(matrices[row], factors[..., row * width : row * width + size], product)
    return sums.reshape(-1, size)


def _depthwise(prepared: _PreparedConv, x: F32Map, chunk: slice, out: F32Map) -> None:
    """Multiply and add shifted planes of a chunk of channels.

    Rows are padded and joined, so that a shift in two dimensions is one in memory.
    """
    layer, weight, bias = prepared[:3]
    count, (_, height, width), around = chunk.stop - chunk.start, x.shape, layer.kernel // 2
    pitch = width + 2 * around
    size = height * pitch
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
    np.floor(sums, out=sums)
    np.clip(sums.reshape(count, height, pitch)[:, :, :width], *layer.range, out=out)
