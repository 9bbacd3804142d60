# SPDX-License-Identifier: Apache-2.0
"""How fast pictures decode, beside the matrix products that the machine does in the same run.

usage: python -m benchmarks.speed PICTURE [--sizes 768x512 1535x1366] [--bpp 0.5] [--threads 1 2]
           [--backends numpy onnx torch] [--runs 5] [--out benchmarks/results/speed.md]

Every row alternates with a plain float32 product of two 1024x1024 matrices on as many threads, so
that both see the same load of the machine; all figures are medians, CPU time that of processes
started, too. "of product" compares the multiplications per second of CPU time, which other work on
the machine disturbs least, and counts all that the networks declare (`refdec complexity`), also
those that a backend leaves out. The middle of PICTURE in each size is encoded first, to at most the
given rate, and decoded beside its peers (`speed_peers`); "of JAI" is a peer's time over that of the
fastest row of JAI: decoding of a picture in memory, or a process that writes plain samples.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

import refdec
from benchmarks.entropy import decode_call, draw_call
from benchmarks.speed_peers import learned_peers, program_peers
from refdec.arrays import U8Map
from refdec.backends import BACKENDS
from refdec.cli.complexity import model_set_costs
from refdec.entropy.rans import VectorSubstreamDecoder
from refdec.entropy.tables import load_residual_tables
from refdec.network import get_backend, load_model_set, run_network
from refenc.encode import MODEL_SET, encode, encode_at_rate
from refenc.rans import encode_substream

SIDE = 1024
LANES = 256
FILTER = "filter_base"
HEADER = (
    "what", "backend", "threads", "s", "CPU s", "rate", "product GMAC/s", "of product", "of JAI"
)  # fmt: skip
PEER_RUNS = 3


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Time one call: seconds, and seconds of CPU time of this process and those it started."""
    begin, cpu = time.perf_counter(), cpu_seconds()
    function()
    return time.perf_counter() - begin, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """CPU time of this process and its children so far."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


TITLE = "# Speed of decoders\n\n"
NOTE = f"""
Made by `python -m benchmarks.speed`, which says what the columns are, on {os.cpu_count()} cores. CompressAI's
networks have random weights: their latents hardly vary and take few bits, which favours their entropy decoders.
"""


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
        jai: float = 0,
    ) -> float:
        """Add a row: `count` of `unit`, and a number of multiplications, each call.

        For a peer `jai` is the time of JAI. Returns the median time.
        """
        function()
        count_runs = min(self._runs, PEER_RUNS) if jai else self._runs
        runs = [(*self._product(threads), *seconds(function)) for _ in range(count_runs)]
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
            f"{time_ / jai:.2f}" if jai else "",
        )
        self.rows.append(row)
        print("  ".join(f"{cell:<40}" if i == 0 else f"{cell:>8}" for i, cell in enumerate(row)))
        return time_


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
    bench: Bench,
    samples: U8Map,
    bpp: float,
    backends: list[str],
    threads: list[int],
    *,
    learned: bool,
) -> None:
    """Time a picture (3, H, W): encoder, decoder in this process, as a process, and peers."""
    pixels, sides, most = samples[0].size, samples.shape[1:], max(threads)
    coded = encode_at_rate(samples, bpp=bpp)
    label = f"{sides[1]}x{sides[0]}, {coded.bpp:.2f} bpp"
    bench.measure(
        f"encode {label}",
        lambda: encode(samples, quality=coded.quality, threads=max(threads)),
        threads=max(threads),
        count=pixels,
        unit="P",
    )
    best = min(
        bench.measure(
            f"decode {label}",
            lambda n=name, c=count: refdec.decode(coded.data, backend=n, threads=c),
            backend=name,
            threads=count,
            count=pixels,
            unit="P",
            products=macs_per_sample(*sides) * pixels,
        )
        for name in backends
        for count in threads
    )
    for peer in learned_peers(samples, most) if learned else ():
        what = f"decode, {peer.name}, {peer.bpp:.2f} bpp"
        bench.measure(what, peer.decode, threads=most, count=pixels, unit="P", jai=best)
    with tempfile.TemporaryDirectory() as folder:
        stream, source = Path(folder, "picture.jai"), Path(folder, "source.png")
        stream.write_bytes(coded.data)
        Image.fromarray(np.moveaxis(samples, 0, -1)).save(source)
        best = min(
            process(
                bench,
                f"process {label} to {form}",
                [
                    "-m",
                    "refdec",
                    "decode",
                    stream,
                    "-o",
                    Path(folder, f"out.{form}"),
                    "--backend",
                    name,
                ],
                backend=name,
                threads=most,
            )
            for form in ("png", "ppm")
            for name in backends
        )
        for peer in program_peers(source, pixels, bpp, most):
            what = f"process {peer.name}, {peer.bpp:.2f} bpp"
            bench.measure(what, peer.decode, threads=most, jai=best)


def process(
    bench: Bench, what: str, arguments: list[object], *, backend: str = "", threads: int = 1
) -> float:
    """Time an interpreter, its modules compiled before as installed ones are."""
    command = [sys.executable, *map(str, arguments)]
    if backend:
        command += ["--threads", str(threads)]
    environment = os.environ | {
        "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "refdec-pyc"))
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return bench.measure(
        what,
        lambda: subprocess.run(command, check=True, capture_output=True, env=environment),  # noqa: S603 - our own
        backend=backend,
        threads=threads,
    )


def middle(path: Path, width: int, height: int) -> U8Map:
    """Read the middle of a picture; (3, H, W)."""
    picture = Image.open(path).convert("RGB")
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    part = picture.crop((left, top, left + width, top + height))
    return np.moveaxis(np.asarray(part), -1, 0).copy()


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, metavar="PICTURE")
    parser.add_argument("--sizes", nargs="+", default=["768x512", "1535x1366"], metavar="WxH")
    parser.add_argument("--bpp", type=float, default=0.5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    known = [name for name in ("numpy", "onnx", "torch") if BACKENDS[name].is_installed]
    parser.add_argument("--backends", nargs="+", default=known)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    bench = Bench(options.runs)
    print(*HEADER, sep=", ")
    process(bench, "process refdec --help", ["-m", "refdec", "--help"])
    for name in options.backends:
        for package in BACKENDS[name].packages:
            process(bench, f"process import {package}", ["-c", f"import {package}"])
    measure_layers(bench, options.backends, options.threads)
    for index, size in enumerate(options.sizes):
        samples = middle(options.picture, *map(int, size.split("x")))
        measure_picture(
            bench, samples, options.bpp, options.backends, options.threads, learned=index == 0
        )
    if options.out:
        lines = [HEADER, ("---",) * len(HEADER), *bench.rows]
        text = TITLE + "".join(f"| {' | '.join(row)} |\n" for row in lines) + NOTE
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
