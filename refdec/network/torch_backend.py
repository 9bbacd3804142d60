# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002, D102 - Backend says what each operation takes and computes.
"""The accelerated path: PyTorch float32 convolutions on the CPU, exact by the exactness bound.

As in `numpy_backend`, tensors hold integers, 2**-shift is folded into the weights, and splits are
added in binary64. What would change a product is switched off: TF32, bfloat16, and NNPACK's
transforms.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from refdec.arrays import I16Map, I32Map
from refdec.network import layers
from refdec.network.backend import Backend
from refdec.network.exactness import ConvTensors
from refdec.network.numpy_backend import float_operands


class _PreparedConv(NamedTuple):
    layer: layers.Conv
    weight: Tensor
    """(O, I / groups, k, k)"""
    bias: Tensor
    """(O)"""
    reach: Tensor
    """(O, I / groups): magnitudes of the weights, summed over the kernel."""
    limit: Tensor
    """(O): what the products may reach for all sums to be exact."""


class TorchBackend(Backend):
    """Any number of threads gives the same bits, since every order of summation does."""

    name = "torch"

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads

    @contextmanager
    def session(self) -> Iterator[None]:
        """No gradients, plain binary32 arithmetic, the wanted number of threads."""
        conv, threads = torch.backends.mkldnn.conv, torch.get_num_threads()  # type: ignore[attr-defined]
        precision = conv.fp32_precision
        conv.fp32_precision = "ieee"
        torch.set_num_threads(self._threads or threads)
        try:
            with torch.inference_mode(), torch.backends.nnpack.flags(enabled=False):
                yield
        finally:
            conv.fp32_precision = precision
            torch.set_num_threads(threads)

    def from_numpy(self, plane: I32Map | I16Map) -> Tensor:
        return torch.from_numpy(plane.astype(np.float32))

    def to_numpy(self, tensor: Tensor) -> I32Map:
        return tensor.numpy().astype(np.int32)

    def as_index(self, values: Tensor | I32Map) -> Tensor:
        return torch.as_tensor(values).long()

    def clip(self, x: Tensor, limits: layers.ValueRange) -> Tensor:
        return x.clamp_(*limits)

    def permute(self, x: Tensor, *axes: int) -> Tensor:
        return x.permute(axes)

    def concat(self, layer: layers.Concat, *tensors: Tensor) -> Tensor:
        return torch.cat(tensors)

    def prepare_conv(self, layer: layers.Conv, tensors: ConvTensors) -> _PreparedConv:
        return _PreparedConv(layer, *map(torch.from_numpy, float_operands(tensors)))

    def conv(self, prepared: _PreparedConv, x: Tensor) -> Tensor:
        layer, weight, bias, reach, limit = prepared
        groups, splits = layer.groups, layer.splits
        if groups == 1 < splits and bool((reach @ x.abs().amax((1, 2)) < limit).all()):
            splits = 1
        convolve = partial(functional.conv2d, padding=layer.kernel // 2, groups=groups)
        parts = x.reshape(groups, splits, -1, *x.shape[1:]).transpose(0, 1).flatten(1, 2)
        first, *others = zip(parts, weight.chunk(splits, dim=1), strict=True)
        sums = convolve(*first, bias)
        for part in others:
            sums = sums.double() + convolve(*part)
        return self.clip(sums.floor_(), layer.range).float()
