# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002, D102 - Backend says what each operation takes and computes.
"""The accelerated path: PyTorch float32 convolutions on the CPU, exact by the exactness bound.

As in `numpy_backend`, tensors hold integers, 2**-shift is folded into the weights, and splits are
added in binary64. What would change a product is switched off: TF32, bfloat16, and NNPACK's
transforms.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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
    weights: tuple[Tensor, ...]
    """(O, I / (groups * splits), k, k) for each split."""
    bias: Tensor
    """(O)"""


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
        weight, bias, _ = map(torch.from_numpy, float_operands(layer, tensors))
        parts = tuple(part.contiguous() for part in weight.chunk(layer.splits, dim=1))
        return _PreparedConv(layer, parts, bias)

    def conv(self, prepared: _PreparedConv, x: Tensor) -> Tensor:
        layer, weights, bias = prepared
        around, groups = layer.kernel // 2, layer.groups
        first, *others = x.reshape(groups, layer.splits, -1, *x.shape[1:]).unbind(1)
        sums = functional.conv2d(
            first.flatten(0, 1), weights[0], bias, padding=around, groups=groups
        )
        for part, weight in zip(others, weights[1:], strict=True):
            product = functional.conv2d(part.flatten(0, 1), weight, padding=around, groups=groups)
            sums = sums.double() + product
        return self.clip(sums.floor_(), layer.range).float()
