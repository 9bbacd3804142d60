# SPDX-License-Identifier: Apache-2.0
"""How fast pictures decode, beside the matrix products that the machine does in the same run.

usage: python -m benchmarks.speed PICTURE... [--bpp 0.5] [--threads 1 2] [--backends numpy torch]
           [--runs 5] [--out benchmarks/results/speed.md]

Every row alternates with a plain float32 product of two 1024x1024 matrices on as many threads, so
that both see the same load of the machine; all figures are medians. "of product" compares the
multiplications per second of CPU time, which other work on the machine disturbs least, and counts
all that the networks declare (`refdec complexity`), also those that a backend leaves out.
PICTURE is encoded first, to at most the given rate.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

import refdec
from benchmarks.entropy import decode_call, draw_call
from refdec.cli.complexity import model_set_costs
from refdec.entropy.rans import VectorSubstreamDecoder
from refdec.entropy.tables import load_residual_tables
from refdec.network import get_backend, load_model_set, run_network
from refenc.encode import MODEL_SET, encode, encode_at_rate
from refenc.picture_io import read_picture
from refenc.rans import encode_substream

SIDE = 1024
LANES = 256
FILTER = "filter_base"
HEADER = ("what", "backend", "threads", "s", "CPU s", "rate", "product GMAC/s", "of product")


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Time one call: seconds, and seconds of CPU time of this process."""
    begin, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begin, time.process_time() - cpu


class Bench:
    """Rows of the table, each measured in turn with the plain product."""

    def __init__(self, runs: int) -> None:
        self.rows: list[tuple[str, ...]] = []
        self._runs = runs
        self._factor = np.random.default_rng(0).random((SIDE, SIDE), np.float32)

    def _product(self, threads: int) -> tuple[float, float]:
        with threadpool_limits(threads):
            return seconds(lambda: self._factor @ self._factor)

    def measure(
        self,
        what: str,
        function: Callable[[], object],
        *,
        backend: str = "",
        threads: int = 1,
        count: float = 0,
        unit: str = "",
        products: float = 0,
    ) -> None:
        """Add a row: `count` of `unit`, and a number of multiplications, each call."""
        function()
        runs = [(*self._product(threads), *seconds(function)) for _ in range(self._runs)]
        product, product_cpu, time_, cpu = (median(column) for column in zip(*runs, strict=True))
        row = (
            what,
            backend,
            str(threads),
            f"{time_:.3f}",
            f"{cpu:.3f}",
            f"{count / time_ / 1e6:.2f} M{unit}/s" if count else "",
            f"{SIDE**3 / product / 1e9:.1f}",
            f"{products / cpu * product_cpu / SIDE**3:.2f}" if products else "",
        )
        self.rows.append(row)
        print("  ".join(f"{cell:<26}" if i == 0 else f"{cell:>8}" for i, cell in enumerate(row)))


def macs_per_sample(height: int, width: int) -> float:
    """Multiplications per luma sample of everything in the transform `base`."""
    costs = model_set_costs(load_model_set(MODEL_SET), height=height, width=width)
    return 1000 * sum(cost.kmac_per_pixel for cost in costs)


def measure_layers(bench: Bench, backends: list[str], threads: list[int]) -> None:
    """Time the filter's convolutions on a megapixel, and the entropy decoder."""
    network = load_model_set(MODEL_SET).networks[FILTER]
    costs = model_set_costs(load_model_set(MODEL_SET), height=SIDE, width=SIDE)
    (cost,) = (cost for cost in costs if cost.name == FILTER)
    plane = np.random.default_rng(1).integers(-1000, 1000, (3, SIDE, SIDE)).astype(np.int32)
    quality = np.full((SIDE // 16, SIDE // 16), 40, np.int32)
    for name in backends:
        for count in threads:
            backend = get_backend(name, count)
            runner, tensor = backend.compile(network), backend.from_numpy(plane)
            bench.measure(
                f"{FILTER}, {SIDE}x{SIDE}",
                lambda r=runner, t=tensor: run_network(r, dict.fromkeys(r.inputs, t), quality),
                backend=name,
                threads=count,
                count=SIDE**2,
                unit="P",
                products=1000 * cost.kmac_per_pixel * SIDE**2,
            )
    call, tables = draw_call(1 << 20), load_residual_tables().tables
    payload = encode_substream([call], lanes=LANES, tables=tables)
    bench.measure(
        f"entropy decoder, {LANES} lanes",
        lambda: decode_call(VectorSubstreamDecoder, payload, call, LANES),
        count=call[0].size,
        unit="symbols",
    )


def measure_picture(
    bench: Bench, path: Path, bpp: float, backends: list[str], threads: list[int]
) -> None:
    """Time a picture: encoder, decoder in this process, decoder as a process."""
    samples = read_picture(path).picture.samples
    pixels, sides = samples[0].size, samples.shape[1:]
    coded = encode_at_rate(samples, bpp=bpp)
    label = f"{sides[1]}x{sides[0]}, {coded.bpp:.2f} bpp"
    bench.measure(
        f"encode {label}",
        lambda: encode(samples, quality=coded.quality, threads=max(threads)),
        threads=max(threads),
        count=pixels,
        unit="P",
    )
    for name in backends:
        for count in threads:
            bench.measure(
                f"decode {label}",
                lambda n=name, c=count: refdec.decode(coded.data, backend=n, threads=c),
                backend=name,
                threads=count,
                count=pixels,
                unit="P",
                products=macs_per_sample(*sides) * pixels,
            )
    with tempfile.TemporaryDirectory() as folder:
        stream, out = Path(folder, "picture.jai"), Path(folder, "picture.ppm")
        stream.write_bytes(coded.data)
        for name in backends:
            options = ["--backend", name, "--threads", str(max(threads))]
            process(bench, f"process {label}", ["decode", stream, "-o", out, *options], name)


def process(bench: Bench, what: str, arguments: list[object], backend: str = "") -> None:
    """Time `refdec` as a process of its own."""
    command = [sys.executable, "-m", "refdec", *map(str, arguments)]
    bench.measure(
        what,
        lambda: subprocess.run(command, check=True, capture_output=True),  # noqa: S603 - our own
        backend=backend,
    )


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE")
    parser.add_argument("--bpp", type=float, default=0.5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--backends", nargs="+", default=["numpy", "torch"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    bench = Bench(options.runs)
    print(*HEADER, sep=", ")
    process(bench, "process refdec --help", ["--help"])
    measure_layers(bench, options.backends, options.threads)
    for path in options.pictures:
        measure_picture(bench, path, options.bpp, options.backends, options.threads)
    if options.out:
        lines = [HEADER, ("---",) * len(HEADER), *bench.rows]
        text = "".join(f"| {' | '.join(row)} |\n" for row in lines)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
