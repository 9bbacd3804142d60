# SPDX-License-Identifier: Apache-2.0
"""What each operation computes, and the interface that every backend implements.

A tensor holds integers in C, H, W order, in whatever element type its backend computes with.
Backends differ in speed only; `integer_backend` follows the formulas below to the letter.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np

from refdec.arrays import I16Map, I32Map, I64Map
from refdec.backends import BACKENDS
from refdec.network import layers
from refdec.network.exactness import ConvTensors, Network

Tensor: TypeAlias = Any
"""A backend's own type."""


@dataclass(frozen=True)
class Step:
    """One layer, ready to run."""

    layer: layers.Layer
    apply: Callable[..., Tensor]
    """Takes the inputs and, for quality_bias, the quality indices."""
    release: tuple[str, ...]
    """Tensors that nothing needs after it."""


@dataclass(frozen=True)
class CompiledNetwork:
    """A network with its weights in the form that one backend multiplies with."""

    backend: "Backend"
    network: Network
    steps: tuple[Step, ...]
    graph: Callable[..., dict[str, Tensor]] | None = None
    """Where the backend has it, the whole network as one call: takes the inputs by name, the
    quality indices by layer, and the places or None; gives the outputs by name."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors that the caller supplies."""
        return tuple(item.name for item in self.network.description.inputs)

    @cached_property
    def planes(self) -> frozenset[str]:
        """Tensors of which positions depend on their neighbours: what a wide kernel sees."""
        planes: set[str] = set()
        for layer in reversed(self.network.description.layers):
            is_wide = isinstance(layer, layers.Conv) and layer.kernel > 1
            if is_wide or layer.output in planes:
                planes.update(layer.inputs)
        return frozenset(planes)


class Backend(ABC):
    """One way to compute: a method per operation, called as the operation is.

    The operations that only move, compare or add values are written once, in terms of what the
    arrays of NumPy and the tensors of torch have in common; a backend supplies the rest.
    """

    name: str

    def __init__(self, threads: int | None = None) -> None:
        self._wanted_threads = threads

    def compile(self, network: Network) -> CompiledNetwork:
        """Prepare weights and tables once, for any number of runs."""
        description, steps = network.description, []
        needed = set(description.outputs)
        for layer in reversed(description.layers):
            release = tuple({*layer.inputs, layer.output} - needed)
            needed.update(layer.inputs)
            apply = getattr(self, layer.op)
            if isinstance(layer, layers.Conv):
                apply = partial(apply, self.prepare_conv(layer, network.conv_tensors(layer)))
            elif isinstance(layer, layers.Lookup | layers.QualityBias):
                apply = partial(apply, layer, self.from_numpy(network.table(layer)))
            else:
                apply = partial(apply, layer)
            steps.append(Step(layer, apply, release))
        return CompiledNetwork(self, network, tuple(reversed(steps)))

    def session(self) -> AbstractContextManager[Any]:
        """Return the settings that hold while a network runs."""
        return nullcontext()

    @abstractmethod
    def from_numpy(self, plane: I32Map | I16Map) -> Tensor:
        """Copy an array, such as an int32 (C, H, W) plane, into a tensor."""

    @abstractmethod
    def to_numpy(self, tensor: Tensor) -> I32Map:
        """Copy a tensor into an int32 (C, H, W) array."""

    @abstractmethod
    def as_index(self, values: Tensor | I32Map) -> Tensor:
        """Convert a tensor or an array into what indexes a tensor."""

    @abstractmethod
    def clip(self, x: Tensor, limits: layers.ValueRange) -> Tensor:
        """``min(max(x, lo), hi)``, in place."""

    @abstractmethod
    def permute(self, x: Tensor, *axes: int) -> Tensor:
        """Reorder the axes."""

    @abstractmethod
    def concat(self, layer: layers.Concat, *tensors: Tensor) -> Tensor:
        """Channels of the first input, then of the next."""

    @abstractmethod
    def prepare_conv(self, layer: layers.Conv, tensors: ConvTensors) -> Any:
        """Convert weights into what `conv` takes."""

    @abstractmethod
    def conv(self, prepared: Any, x: Tensor) -> Tensor:
        """``clip((sum of weight * x + bias) >> shift, lo, hi)``, x zero outside its plane."""

    def pick(self, x: Tensor, places: I64Map) -> Tensor:
        """Gather the positions of flat indices (n): (C, H, W) to (C, 1, n)."""
        return x.reshape(x.shape[0], 1, -1)[:, :, self.as_index(places)]

    def pixel_shuffle(self, layer: layers.PixelShuffle, x: Tensor) -> Tensor:
        """``out[c, y * f + i, z * f + j] = x[(c * f + i) * f + j, y, z]``."""
        f, (_, height, width) = layer.factor, x.shape
        parts = self.permute(x.reshape(-1, f, f, height, width), 0, 3, 1, 4, 2)
        return parts.reshape(-1, height * f, width * f)

    def pixel_unshuffle(self, layer: layers.PixelUnshuffle, x: Tensor) -> Tensor:
        """``out[(c * f + i) * f + j, y, z] = x[c, y * f + i, z * f + j]``."""
        f, (_, height, width) = layer.factor, x.shape
        parts = self.permute(x.reshape(-1, height // f, f, width // f, f), 0, 2, 4, 1, 3)
        return parts.reshape(-1, height // f, width // f)

    def add(self, layer: layers.Add, a: Tensor, b: Tensor) -> Tensor:
        """``clip(a + b, lo, hi)``."""
        return self.clip(a + b, layer.range)

    def lookup(self, layer: layers.Lookup, table: Tensor, x: Tensor) -> Tensor:  # noqa: ARG002
        """``table[clip(x, 0, N - 1)]``."""
        return table.take(self.as_index(x).clip(0, len(table) - 1))

    def abs(self, layer: layers.Abs, x: Tensor) -> Tensor:  # noqa: ARG002
        """``|x|``."""
        return abs(x)

    def slice(self, layer: layers.Slice, x: Tensor) -> Tensor:
        """Channels begin to end - 1."""
        return x[layer.begin : layer.end]

    def quality_bias(
        self, layer: layers.QualityBias, table: Tensor, x: Tensor, quality: I32Map
    ) -> Tensor:
        """``clip(x[c] + table[quality, c], lo, hi)``; quality is (H, W), or (1, 1) for all."""
        return self.clip(x + table.T[:, self.as_index(quality)], layer.range)

    def shift_pad(self, layer: layers.ShiftPad, x: Tensor) -> Tensor:
        """Mirror n positions on every side, edge included (NumPy's mode "symmetric")."""
        rows, columns = (
            self.as_index(np.pad(np.arange(side), layer.n, mode="symmetric"))
            for side in x.shape[1:]
        )
        return x[:, rows][:, :, columns]

    def crop(self, layer: layers.Crop, x: Tensor) -> Tensor:
        """Remove n positions on every side."""
        return x[:, layer.n : -layer.n, layer.n : -layer.n]

    def shift_left(self, layer: layers.ShiftLeft, x: Tensor) -> Tensor:
        """``clip(x * 2**n, lo, hi)``."""
        return self.clip(x * (1 << layer.n), layer.range)


def get_backend(name: str, threads: int | None = None) -> Backend:
    """Return a backend by its name in `refdec.backends.BACKENDS`.

    Parameters
    ----------
    name : which one.
    threads : CPU threads, None for as many as BLAS or torch would take: all cores, or what
        OMP_NUM_THREADS and its like say. The integer backend has one.

    Raises
    ------
    ValueError
        Unknown name, fewer than one thread, or a package that is not installed.
    UnsupportedFeature
        There is no CUDA device.
    """
    if threads is not None and threads < 1:
        message = f"threads shall be at least 1, not {threads}"
        raise ValueError(message)
    engine = BACKENDS.get(name)
    if engine is None:
        message = f"unknown backend {name!r}"
        raise ValueError(message)
    if not engine.is_installed:
        message = f"backend {name} is not available: it needs {' and '.join(engine.packages)}"
        raise ValueError(message)
    # Imported when it is asked for: some take a second.
    module = importlib.import_module(f"refdec.network.{engine.module}")
    backend: Backend = getattr(module, engine.kind)(threads)
    return backend
