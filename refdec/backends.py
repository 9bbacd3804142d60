# SPDX-License-Identifier: Apache-2.0
"""The arithmetic engines by name, what they need, and the choice among them."""

import importlib.util
from typing import NamedTuple


class Engine(NamedTuple):
    """Where a backend is found."""

    module: str
    """In `refdec.network`."""
    kind: str
    """Its class there."""
    extra: str = ""
    """What ``pip install 'jai-codec[...]'`` calls the packages."""
    packages: tuple[str, ...] = ()
    """What it needs beside NumPy."""

    @property
    def is_installed(self) -> bool:
        """Whether its packages are there; they are not imported."""
        return all(importlib.util.find_spec(package) is not None for package in self.packages)


AUTO = "auto"
BACKENDS = {
    "numpy": Engine("numpy_backend", "NumpyBackend"),
    "integer": Engine("integer_backend", "IntegerBackend"),
    "onnx": Engine("onnx_backend", "OnnxBackend", "onnx", ("onnx", "onnxruntime")),
    "torch": Engine("torch_backend", "TorchBackend", "torch", ("torch",)),
    "cuda": Engine("torch_backend", "CudaBackend", "torch", ("torch",)),
}
ONNX_PIXELS = 1 << 23
"""From here on ONNX Runtime saves more time than it takes to load."""


def choose_backend(pixels: int) -> str:
    """Return what `AUTO` stands for, for so many pixels: ``"numpy"`` or ``"onnx"``."""
    return "onnx" if pixels >= ONNX_PIXELS and BACKENDS["onnx"].is_installed else "numpy"
