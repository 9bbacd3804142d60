# SPDX-License-Identifier: Apache-2.0
"""A backend is trusted when it gives the integer reference's bits on this machine.

A library may round what it multiplies (TF32, bfloat16) or transform it (Winograd): the sums
below use all 24 bits of binary32, so that either shows.
"""

import warnings
from typing import Any

import numpy as np

from refdec.arrays import I64Map
from refdec.network.backend import Backend, get_backend
from refdec.network.description import parse_network
from refdec.network.exactness import Network
from refdec.network.interpreter import run_network

CHANNELS, SIDE, PEAK = 64, 10, 4095
_LAYERS = [  # name, kernel, groups, splits, largest weight, shift
    ("wide", 3, 1, 1, 7, 1),
    ("split", 1, 1, 2, 127, 2),
    ("depthwise", 3, CHANNELS, 1, 127, 0),
]


def trusted_backend(name: str, threads: int | None = None) -> Backend:
    """Return the backend if it passes its self-test; else warn, and return one that does.

    Raises
    ------
    ValueError
        As `get_backend`.
    """
    backend = get_backend(name, threads)
    if name == "integer" or is_exact(backend):
        return backend
    other = "integer" if name == "numpy" else "numpy"
    message = f"backend {name} is not exact on this machine; {other} is used instead"
    warnings.warn(message, RuntimeWarning, stacklevel=2)
    return trusted_backend(other, threads)


def is_exact(backend: Backend) -> bool:
    """Compare convolutions of extreme values with the integer reference."""
    number = np.arange(CHANNELS * SIDE * SIDE).reshape(CHANNELS, SIDE, SIDE)
    signs = np.where(np.arange(CHANNELS) * 5 % 7 < 3, -1, 1)  # noqa: PLR2004 - any mixture
    plane = (signs[:, None, None] * (PEAK - number * 7 % 31)).astype(np.int32)
    network = _network(signs)
    found, expected = (
        {name: each.to_numpy(tensor) for name, tensor in outputs.items()}
        for each in (backend, get_backend("integer"))
        for outputs in (run_network(each.compile(network), {"x": plane}),)
    )
    return all(np.array_equal(found[name], expected[name]) for name in expected)


def _network(signs: I64Map) -> Network:
    """Make convolutions whose sums come close to the exactness bound for inputs of such signs."""
    layers: list[dict[str, object]] = []
    tensors: dict[str, Any] = {}
    for name, kernel, groups, splits, peak, shift in _LAYERS:
        shape = (CHANNELS, CHANNELS // groups, kernel, kernel)
        weight = peak - np.arange(np.prod(shape)).reshape(shape) * 11 % 3
        if groups == 1:
            weight *= signs[:, None, None]
        tensors |= {
            f"test.{name}.weight": weight.astype(np.int8),
            f"test.{name}.bias": np.arange(CHANNELS, dtype=np.int32),
            f"test.{name}.shift": np.full(CHANNELS, shift, np.uint8),
        }
        layers.append(
            {
                "op": "conv",
                "name": name,
                "inputs": ["x"],
                "kernel": kernel,
                "in_channels": CHANNELS,
                "out_channels": CHANNELS,
                "groups": groups,
                "splits": splits,
                "range": [1 - (1 << 23), (1 << 23) - 1],
            }
        )
    document = {
        "name": "test",
        "inputs": [{"name": "x", "channels": CHANNELS, "range": [-PEAK, PEAK]}],
        "layers": layers,
        "outputs": [layer[0] for layer in _LAYERS],
    }
    return Network(description=parse_network(document), tensors=tensors)
