# SPDX-License-Identifier: Apache-2.0
"""Speed of the convolutions: GMAC/s per backend, beside the machine's plain float32 matrix product.

usage: OMP_NUM_THREADS=1 python -m benchmarks.network [--seconds 0.5] [--threads 1] [--integer]

The plain product is NumPy's, of the same matrices as the convolution's, without the copies around
it. The last lines time what is not multiplication: a chain of small layers on a thumbnail's latent,
and the exactness check on loading.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from refdec.network import Network, get_backend, parse_network, run_network

LAYERS = [  # channels in, out, kernel, groups, splits, height, width
    (96, 96, 3, 1, 1, 16, 16),
    (192, 192, 3, 1, 1, 4, 4),
    (192, 192, 3, 1, 1, 16, 16),
    (512, 192, 3, 1, 1, 16, 16),
    (512, 192, 3, 1, 1, 32, 48),
    (192, 192, 3, 1, 1, 64, 96),
    (192, 192, 1, 1, 1, 4, 4),
    (512, 512, 1, 1, 1, 32, 48),
    (192, 192, 1, 1, 1, 64, 96),
    (192, 192, 1, 1, 4, 64, 96),
    (192, 192, 3, 4, 1, 64, 96),
    (192, 192, 3, 192, 1, 4, 4),
    (192, 192, 3, 192, 1, 16, 16),
    (192, 192, 3, 192, 1, 64, 96),
]
RANGE = [-2047, 2047]


def best(function: Callable[[], Any], seconds: float) -> float:
    """Shortest time of many calls, in seconds."""
    function()
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def chain(shapes: list[tuple[int, ...]]) -> Network:
    """Convolutions one after the other, with weights that keep the exactness bound."""
    rng = np.random.default_rng(0)
    layers, tensors, source = [], {}, "x"
    for index, (inputs, outputs, kernel, groups, splits) in enumerate(shapes):
        name = f"c{index}"
        shape = (outputs, inputs // groups, kernel, kernel)
        limit = min(127, 8000 * splits // int(np.prod(shape[1:])))
        tensors[f"net.{name}.weight"] = rng.integers(-limit, limit, shape, np.int8, endpoint=True)
        tensors[f"net.{name}.bias"] = np.full(outputs, 64, np.int32)
        tensors[f"net.{name}.shift"] = np.full(outputs, 7, np.uint8)
        layer = {"op": "conv", "name": name, "inputs": [source], "range": RANGE, "kernel": kernel}
        channels = {"in_channels": inputs, "out_channels": outputs}
        layers.append(layer | channels | {"groups": groups, "splits": splits})
        source = name
    first = {"name": "x", "channels": shapes[0][0], "range": RANGE}
    document = {"name": "net", "inputs": [first], "layers": layers, "outputs": [source]}
    return Network(description=parse_network(document), tensors=tensors)


def main() -> None:
    """Print one line per layer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="time per measurement")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="of the backends; OMP_NUM_THREADS sets those of the plain product",
    )
    parser.add_argument("--integer", action="store_true", help="time the reference, too")
    options = parser.parse_args()
    names = ["numpy", "torch"] + ["integer"] * options.integer
    rng = np.random.default_rng(1)
    print(
        f"{'in -> out, kernel, groups, splits':<34}{'plane':>8}{'matmul':>9}"
        + "".join(f"{n:>9}" for n in names),
        "GMAC/s",
    )
    for inputs, outputs, kernel, groups, splits, height, width in LAYERS:
        macs = outputs * inputs // groups * kernel**2 * height * width
        a = rng.random((groups, outputs // groups, inputs // groups * kernel**2), np.float32)
        b = rng.random((groups, a.shape[2], height * width), np.float32)
        rates = [macs / best(lambda a=a, b=b: a @ b, options.seconds) / 1e9]
        network = chain([(inputs, outputs, kernel, groups, splits)])
        plane = rng.integers(*RANGE, (inputs, height, width)).astype(np.int32)
        for name in names:
            backend = get_backend(name, options.threads)
            runner, tensor = backend.compile(network), backend.from_numpy(plane)
            rates.append(
                macs
                / best(lambda r=runner, t=tensor: run_network(r, {"x": t}), options.seconds)
                / 1e9
            )
        label = f"{inputs} -> {outputs}, {kernel}x{kernel}, {groups}, {splits}"
        print(f"{label:<34}{f'{height}x{width}':>8}" + "".join(f"{rate:9.1f}" for rate in rates))
    small = chain([(16, 16, kernel, 1, 1) for kernel in (1, 3) for _ in range(10)])
    plane = rng.integers(*RANGE, (16, 4, 4)).astype(np.int32)
    for name in names:
        runner = get_backend(name, options.threads).compile(small)
        time_per_layer = best(lambda r=runner: run_network(r, {"x": plane}), options.seconds) / 20
        print(f"{name}: {time_per_layer * 1e6:.1f} us per layer of 16 channels at 4x4")
    large = chain([(512, 512, 1, 1, 1)] * 8)
    check = best(
        lambda: Network(description=large.description, tensors=large.tensors), options.seconds
    )
    print(f"exactness check of 2.1 M weights: {check * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
