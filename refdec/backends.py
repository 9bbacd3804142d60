# SPDX-License-Identifier: Apache-2.0
"""The arithmetic engines by name, and what they need."""

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


AUTO, DEFAULT = "auto", "numpy"
"""Up to about 10 megapixels no other engine saves as much as loading it costs, and none needs as
little memory (benchmarks/results/speed.md): hence the default, whatever the picture's size."""
BACKENDS = {
    "numpy": Engine("numpy_backend", "NumpyBackend"),
    "integer": Engine("integer_backend", "IntegerBackend"),
    "onnx": Engine("onnx_backend", "OnnxBackend", "onnx", ("onnx", "onnxruntime")),
    "torch": Engine("torch_backend", "TorchBackend", "torch", ("torch",)),
    "cuda": Engine("torch_backend", "CudaBackend", "torch", ("torch",)),
}
