# SPDX-License-Identifier: Apache-2.0
"""What coding costs: parameters, bits, kMAC/pixel, run time and peak memory per operating point.

usage: OMP_NUM_THREADS=1 python -m benchmarks.complexity PICTURE [--bpp 0.25 1.0] [--backend numpy torch] [--out ...]

Multiplications are counted for the size of the picture, the decoder's as `refdec complexity` counts them. Times are of
the functions in a process that has run them before, medians of some runs, "CPU s" over all threads; memory is the peak
of a process of the command line that starts, works and ends. Writes OUT.md.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

import refdec
from refdec.cli.complexity import NetworkCost, model_set_costs
from refdec.network import ModelSet, load_model_set
from refdec.resources import spec_path
from refenc.encode import MODEL_SET, encode, encode_at_rate
from refenc.picture_io import read_picture

APPLIED_EVERY = {
    "pre": 16,
    "analysis": 16,
    "hyper_activity.0": 16,
    "hyper_linear": 64,
    "hyper_activity.3": 64,
    "hyper_activity.5": 64,
}
"""Layers of the encoder's own networks: side of the square of samples that each is run once for."""
SYNTHESIS = {
    "latents": (),
    "simple": ("synthesis_simple",),
    "base": ("synthesis_simple", "filter_base"),
}
"""Operating points of the decoder: the networks that they add to those of the latent."""
RUNS = 3
LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process between: Linux counts the memory that a process was started from as its own."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """An operating point: what it computes, and how it is run."""

    name: str
    parameters: int
    kmac_per_pixel: float
    function: Callable[[str, bytes, int], object]
    """Takes the backend, a stream and its quality."""
    command: Callable[[str, Path, int], list[str]]
    """Takes the backend, the file of the stream, and its quality."""


def encoder_costs() -> tuple[int, float]:
    """Return parameters and kMAC/pixel of the networks that only the encoder has."""
    tensors = load_file(spec_path("models", f"set{MODEL_SET}_encoder.safetensors"))
    layers = {name: t for name, t in tensors.items() if name.endswith(".weight")}
    macs = sum(t.size / APPLIED_EVERY[n.removesuffix(".weight")] ** 2 for n, t in layers.items())
    return sum(tensor.size for tensor in tensors.values()), macs / 1000


def operating_points(costs: list[NetworkCost], picture: Path) -> list[Point]:
    """Return the encoder and the decoders, with what their networks add up to."""
    of_transforms = {name for names in SYNTHESIS.values() for name in names}
    latent = [cost for cost in costs if cost.name not in of_transforms]
    samples = read_picture(picture).picture.samples
    parameters, kmac = encoder_costs()
    points = [
        Point(
            name="encoder",
            parameters=parameters + sum(cost.parameters for cost in latent),
            kmac_per_pixel=kmac + sum(cost.kmac_per_pixel for cost in latent),
            function=lambda backend, _, quality: encode(samples, quality=quality, backend=backend),
            command=lambda backend, stream, quality: [
                *("refenc", "encode", str(picture), "-o", str(stream.with_suffix(".out"))),
                *("--backend", backend, "--quality", str(quality)),
            ],
        )
    ]
    for name, networks in SYNTHESIS.items():
        used = latent + [cost for cost in costs if cost.name in networks]
        points.append(
            Point(
                name=f"decoder, {name}",
                parameters=sum(cost.parameters for cost in used),
                kmac_per_pixel=sum(cost.kmac_per_pixel for cost in used),
                function=decoding(name),
                command=decoding_command(name),
            )
        )
    return points


def decoding(name: str) -> Callable[[str, bytes, int], object]:
    """Return what decodes to an operating point."""
    if name == "latents":
        return lambda backend, data, _: refdec.decode_latents(data, backend=backend)
    return lambda backend, data, _: refdec.decode(data, synthesis=name, backend=backend)


def decoding_command(name: str) -> Callable[[str, Path, int], list[str]]:
    """Return the command line that decodes to an operating point."""

    def command(backend: str, stream: Path, _: int) -> list[str]:
        start = ["refdec", "latents" if name == "latents" else "decode", str(stream)]
        out = stream.with_suffix(".npz" if name == "latents" else ".ppm")
        transform = [] if name == "latents" else ["--synthesis", name]
        return [*start, "-o", str(out), "--backend", backend, *transform]

    return command


def median_seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of the time that passes and of the CPU's, after a first run."""
    function()
    passed, used = [], []
    for _ in range(RUNS):
        begin = time.perf_counter(), time.process_time()
        function()
        passed.append(time.perf_counter() - begin[0])
        used.append(time.process_time() - begin[1])
    return statistics.median(passed), statistics.median(used)


def peak_megabytes(command: list[str]) -> float:
    """Run a module of ours and return the peak of its resident memory, 10**6 bytes."""
    launched = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", *command]
    result = subprocess.run(launched, check=True, capture_output=True)  # noqa: S603
    return int(result.stdout) * 1024 / 1e6


def network_table(costs: list[NetworkCost], model: ModelSet) -> str:
    """Tabulate the networks of the decoder, and those of the encoder in one line."""
    parameters, kmac = encoder_costs()
    total = f"{sum(c.parameters for c in costs):,} | {sum(c.kmac_per_pixel for c in costs):.3f}"
    lines = [
        "| networks | number | parameters | kMAC/pixel | weights | activations |",
        "|:--|--:|--:|--:|--:|--:|",
        *(
            f"| {c.name} | {c.networks} | {c.parameters:,} | {c.kmac_per_pixel:.3f} | 8 bits | {c.activation_bits} bits |"
            for c in costs
        ),
        f"| decoder, all | {sum(c.networks for c in costs)} | {total} | | |",
        f"| encoder only (analysis, hyper-encoder) | | {parameters:,} | {kmac:.3f} | binary16 | binary32 |",
    ]
    sizes = {
        "decoder": spec_path("models", f"set{MODEL_SET}.safetensors").stat().st_size,
        "encoder only": spec_path("models", f"set{MODEL_SET}_encoder.safetensors").stat().st_size,
    }
    lines += ["", f"Model set {model.model_set_idc}, SHA-256 {model.sha256}; files: "]
    lines[-1] += ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()) + "."
    return "\n".join(lines)


def measure(points: list[Point], rates: list[float], backends: list[str], picture: Path) -> str:
    """Run every operating point at every rate on every backend, and tabulate."""
    samples = read_picture(picture).picture.samples
    pixels = samples.shape[1] * samples.shape[2]
    lines = [
        "| operating point | bpp | backend | parameters | kMAC/pixel | s | CPU s | Mpixel/CPU s | peak MB |",
        "|:--|--:|:--|--:|--:|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for rate in rates:
            coded = encode_at_rate(samples, bpp=rate)
            stream = Path(folder, f"{rate:g}.jai")
            stream.write_bytes(coded.data)
            for point in points:
                for backend in backends:
                    seconds, used = median_seconds(
                        lambda p=point, b=backend, c=coded: p.function(b, c.data, c.quality)
                    )
                    memory = peak_megabytes(point.command(backend, stream, coded.quality))
                    lines.append(
                        f"| {point.name} | {coded.bpp:.3f} | {backend} | {point.parameters:,} "
                        f"| {point.kmac_per_pixel:.2f} | {seconds:.2f} | {used:.2f} | {pixels / used / 1e6:.2f} | {memory:.0f} |"
                    )
                    print(lines[-1], flush=True)
    idle = peak_megabytes(["refdec", "complexity"])
    lines += [
        "",
        f"Peak of `refdec complexity`, which loads a model set and no picture: {idle:.0f} MB.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Count, run and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--bpp", type=float, nargs="+", default=[0.25, 1.0])
    parser.add_argument("--backend", nargs="+", default=["numpy", "torch"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/complexity"))
    options = parser.parse_args()
    model = load_model_set(MODEL_SET)
    _, height, width = read_picture(options.picture).picture.samples.shape
    costs = model_set_costs(model, height=height, width=width)
    points = operating_points(costs, options.picture)
    table = measure(points, options.bpp, options.backend, options.picture)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    text = (
        f"# Complexity\n\n{options.picture.name}, {width}x{height}. Made by `python -m benchmarks.complexity`.\n\n"
        f"## Networks\n\n{network_table(costs, model)}\n\n"
        f"## Operating points\n\nThe encoder runs the decoder's latent networks; it needs no synthesis. CPU, "
        f"{os.cpu_count()} cores, OMP_NUM_THREADS: {threads}.\n\n{table}\n"
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
