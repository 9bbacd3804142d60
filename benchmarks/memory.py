# SPDX-License-Identifier: Apache-2.0
"""Memory and time of decoding against the size of the picture, each decoded by a process of its own.

usage: python -m benchmarks.memory PICTURE [--sides 64 256 1024 4096 8192] [--tile-size 1024]
           [--quality 45] [--backend numpy] [--streams DIR] [--out benchmarks/results/memory]

PICTURE is repeated to squares of each size and encoded in tiles. A process decodes and prints its
peak resident memory by Linux's figure (VmHWM: `getrusage` starts from the parent's), before it has
read the stream and at the end; the largest picture is also decoded in a region of 512x512. Writes
OUT.md and OUT.png.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from refdec.reconstruction import Region
from refenc.encode import Structure, encode
from refenc.picture_io import read_picture

REGION = 512
CHILD = """
import json, re, sys, time
import refdec, refdec.codec, refdec.network.numpy_backend
from refdec.reconstruction import Region
path, backend, region = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
status = lambda: open("/proc/self/status").read()
peak = lambda: int(re.search("VmHWM:\\s*(\\d+)", status())[1]) / 1024
before, begin, cpu = peak(), time.perf_counter(), time.process_time()
if backend == "torch": import torch
refdec.decode(path, backend=backend, region=region and Region(*region))
print(json.dumps([before, peak(), time.perf_counter() - begin, time.process_time() - cpu]))
"""
HEADER = ("picture", "bytes", "bare, MiB", "peak, MiB", "s", "CPU s", "CPU us/pixel")


def repeated(samples: np.ndarray, side: int) -> np.ndarray:
    """Repeat a picture (3, H, W) to a square."""
    _, height, width = samples.shape
    rows, columns = np.arange(side) % height, np.arange(side) % width
    return samples[:, rows[:, None], columns]


def decode_in_process(path: Path, backend: str, region: Region | None) -> list[float]:
    """Return peak memory before and after (MiB), seconds, and seconds of CPU time."""
    arguments = [str(path), backend, json.dumps(region)]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CHILD, *arguments], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def plot(rows: list[tuple[int, list[float]]], path: Path) -> None:
    """Draw memory and time against pixels."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    pixels = [side**2 for side, _ in rows]
    figure, (memory, duration) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    memory.plot(pixels, [figures[1] for _, figures in rows], "o-", label="decoder")
    samples = [rows[0][1][0] + 3 * count / 2**20 for count in pixels]
    memory.plot(pixels, samples, "--", label="bare process + decoded samples")
    memory.set(ylabel="peak resident memory (MiB)", xscale="log", ylim=(0, None))
    duration.plot(pixels, [figures[3] for _, figures in rows], "o-", label="CPU time")
    last = rows[-1][1][3] / pixels[-1]
    duration.plot(pixels, [last * count for count in pixels], "--", label="linear")
    duration.set(ylabel="seconds", xscale="log", yscale="log")
    for axes in (memory, duration):
        axes.set_xlabel("pixels")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 256, 1024, 2048, 4096, 8192])
    parser.add_argument("--tile-size", type=int, default=1024)
    parser.add_argument("--quality", type=int, default=45)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--streams", type=Path, help="folder that keeps the streams for next time")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory"))
    options = parser.parse_args()
    samples, rows = read_picture(options.picture).picture.samples, []
    lines = [HEADER, ("---",) * len(HEADER)]
    structure = Structure(tile_size=options.tile_size)
    with tempfile.TemporaryDirectory() as folder:
        for side in options.sides:
            path = Path(options.streams or folder, f"{side}.jai")
            if not path.exists():
                square = repeated(samples, side)
                path.write_bytes(encode(square, quality=options.quality, structure=structure))
            regions: list[Region | None] = [None]
            if side == max(options.sides) > REGION:
                regions.append(Region(side // 2, side // 2, REGION, REGION))
            for region in regions:
                figures = decode_in_process(path, options.backend, region)
                count = side**2 if region is None else REGION**2
                name = f"{side}x{side}" + (f", region {REGION}x{REGION}" if region else "")
                cells = [
                    f"{figure:.{digits}f}"
                    for figure, digits in zip(figures, (0, 0, 2, 2), strict=True)
                ]
                cost = f"{1e6 * figures[3] / count:.2f}"
                lines.append((name, str(path.stat().st_size), *cells, cost))
                print(*lines[-1], sep="  ", flush=True)
                if region is None:
                    rows.append((side, figures))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    options.out.with_suffix(".md").write_text(text, encoding="utf-8")
    plot(rows, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
