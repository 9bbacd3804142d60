# SPDX-License-Identifier: Apache-2.0
"""The exactness bound: why a float32 convolution gives the integer result in any order.

For every output channel and every split of its input channels, ``A * sum|w| + |bias| < 2**24``
where A bounds the input's magnitude (the bias counts in the first split). Then each partial sum
is an integer that binary32 holds exactly. The sum over the splits stays below 2**31.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from refdec.arrays import I8Map, I16Map, I32Map, I64Map, U8Map
from refdec.clause import clause
from refdec.errors import ModelError
from refdec.network.description import NetworkDescription
from refdec.network.layers import (
    EXACT_LIMIT,
    NUM_QUALITIES,
    Conv,
    Lookup,
    QualityBias,
    TensorInfo,
    check,
)


class ConvTensors(NamedTuple):
    """What a convolution multiplies by: ``<network>.<layer>.weight``, ``.bias``, ``.shift``."""

    weight: I8Map
    """(O, I / groups, kernel, kernel)"""
    bias: I32Map
    """(O), the rounding offset 2**(shift - 1) included."""
    shift: U8Map
    """(O), 0 to 31."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A description with its tensors, checked against each other and against the bound."""

    description: NetworkDescription
    tensors: Mapping[str, NDArray[Any]]
    """Tensors of the model set by their full names, at least those that the network uses."""

    def __post_init__(self) -> None:
        """Refuse tensors that do not fit the description (NET-009 to NET-013)."""
        for layer in self.description.layers:
            if isinstance(layer, Conv):
                source = self.description.tensors[layer.inputs[0]]
                check_exactness(layer, source, self.conv_tensors(layer), where=self._name(layer))
            elif isinstance(layer, Lookup | QualityBias):
                self.table(layer)

    def conv_tensors(self, layer: Conv) -> ConvTensors:
        """Return a convolution's tensors."""
        prefix, outputs = self._name(layer), (layer.out_channels,)
        return ConvTensors(
            self._tensor(f"{prefix}.weight", np.int8, layer.weight_shape),
            self._tensor(f"{prefix}.bias", np.int32, outputs),
            self._tensor(f"{prefix}.shift", np.uint8, outputs),
        )

    def table(self, layer: Lookup | QualityBias) -> I16Map:
        """Return a look-up table (N) with entries in the layer's range, or a (64, C) table."""
        if isinstance(layer, QualityBias):
            channels = self.description.tensors[layer.output].channels
            return self._tensor(layer.table, np.int16, (NUM_QUALITIES, channels))
        table = self._tensor(layer.table, np.int16, (None,))
        fits = table.size > 0 and bool(
            ((table >= layer.range.lo) & (table <= layer.range.hi)).all()
        )
        check(fits, "NET-013", layer.table, f"empty, or entries not in {tuple(layer.range)}")
        return table

    def _name(self, layer: Conv) -> str:
        return f"{self.description.name}.{layer.name}"

    def _tensor(self, name: str, dtype: DTypeLike, shape: tuple[int | None, ...]) -> NDArray[Any]:
        check(name in self.tensors, "NET-009", name, "tensor is missing from the model set")
        tensor = self.tensors[name]
        sizes = tuple(
            None if want is None else size for want, size in zip(shape, tensor.shape, strict=False)
        )
        if tensor.dtype != dtype or tensor.ndim != len(shape) or sizes != shape:
            message = f"tensor is {tensor.dtype} {tensor.shape}, not {np.dtype(dtype)} {shape}"
            raise ModelError(message, requirement="NET-009", element=name)
        return tensor


def worst_sums(layer: Conv, source: TensorInfo, tensors: ConvTensors) -> I64Map:
    """Return the largest magnitude that any partial sum can reach: (O, splits)."""
    weight = tensors.weight.reshape(layer.out_channels, layer.splits, -1)
    sums: I64Map = np.abs(weight, dtype=np.int16).sum(axis=2, dtype=np.int64)
    sums *= source.range.magnitude
    sums[:, 0] += np.abs(tensors.bias.astype(np.int64))
    return sums


@clause("C.5.1")
def check_exactness(layer: Conv, source: TensorInfo, tensors: ConvTensors, *, where: str) -> None:
    """Refuse a convolution of which some partial sum might not be exact.

    Parameters
    ----------
    layer, source, tensors : the convolution, its input's properties, its tensors.
    where : name for the message, such as ``"synthesis.conv1"``.

    Raises
    ------
    ModelError
        A split reaches 2**24 (NET-010), the total 2**31 (NET-011), a shift exceeds 31 (NET-012).
    """
    sums = worst_sums(layer, source, tensors)
    channel, worst = int(sums.max(axis=1).argmax()), int(sums.max())
    exact = worst < EXACT_LIMIT
    check(exact, "NET-010", where, f"output channel {channel} may reach {worst}, at least 2**24")
    total = int(sums.sum(axis=1).max())
    check(total < 1 << 31, "NET-011", where, f"sum over splits may reach {total}, at least 2**31")
    shift = int(tensors.shift.max())
    check(shift < 32, "NET-012", where, f"shift {shift} exceeds 31")  # noqa: PLR2004
