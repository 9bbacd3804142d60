# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002, D102 - Backend says what each operation takes and computes.
"""The accelerated path: PyTorch float32 convolutions, exact by the exactness bound.

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
from refdec.errors import UnsupportedFeature
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

    device = "cpu"

    @contextmanager
    def session(self) -> Iterator[None]:
        """No gradients, plain binary32 arithmetic, the wanted number of threads.

        Without cuDNN a GPU convolves by matrix products, which take binary32 as it is.
        """
        kinds = torch.backends.mkldnn.conv, torch.backends.cuda.matmul  # type: ignore[attr-defined]
        precisions, threads = [kind.fp32_precision for kind in kinds], torch.get_num_threads()
        for kind in kinds:
            kind.fp32_precision = "ieee"
        torch.set_num_threads(self._wanted_threads or threads)
        nnpack, cudnn = torch.backends.nnpack, torch.backends.cudnn
        try:
            with torch.inference_mode(), nnpack.flags(enabled=False), cudnn.flags(enabled=False):
                yield
        finally:
            for kind, precision in zip(kinds, precisions, strict=True):
                kind.fp32_precision = precision
            torch.set_num_threads(threads)

    def from_numpy(self, plane: I32Map | I16Map) -> Tensor:
        return torch.from_numpy(plane.astype(np.float32)).to(self.device)

    def to_numpy(self, tensor: Tensor) -> I32Map:
        return tensor.cpu().numpy().astype(np.int32)

    def as_index(self, values: Tensor | I32Map) -> Tensor:
        return torch.as_tensor(values).to(self.device, torch.long)

    def clip(self, x: Tensor, limits: layers.ValueRange) -> Tensor:
        return x.clamp_(*limits)

    def permute(self, x: Tensor, *axes: int) -> Tensor:
        return x.permute(axes)

    def concat(self, layer: layers.Concat, *tensors: Tensor) -> Tensor:
        return torch.cat(tensors)

    def prepare_conv(self, layer: layers.Conv, tensors: ConvTensors) -> _PreparedConv:
        operands = map(torch.from_numpy, float_operands(tensors))
        return _PreparedConv(layer, *(operand.to(self.device) for operand in operands))

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


class CudaBackend(TorchBackend):
    """The same on the current CUDA device."""

    name = device = "cuda"

    def __init__(self, threads: int | None = None) -> None:
        super().__init__(threads)
        if not torch.cuda.is_available():
            message = "backend cuda is not available: torch finds no CUDA device"
            raise UnsupportedFeature(message)
