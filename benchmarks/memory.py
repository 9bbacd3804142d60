# SPDX-License-Identifier: Apache-2.0
"""Memory and time of decoding against the size of the picture, each decoded by a process of its own.

usage: python -m benchmarks.memory PICTURE [--sides 64 256 1024 4096 8192] [--tile-size 512]
           [--quality 45] [--backend numpy] [--streams DIR] [--out benchmarks/results/memory]

PICTURE is repeated to squares of each size and encoded in tiles, and as one. A process does what
`refdec decode STREAM -o FILE.ppm` does and prints its peak resident memory by Linux's figure
(VmHWM: `getrusage` starts from the parent's), before it has read the stream and at the end. The
largest tiled picture is also decoded in regions of 512x512: in the middle, which is the corner of
four tiles, and inside of one. Writes OUT.md and OUT.png.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from refenc.encode import Structure, encode
from refenc.picture_io import read_picture

REGION = 512
LARGEST_TILE = 16384
CHILD = """
import json, re, sys, time
import refdec.cli.commands, refdec.network.numpy_backend
from refdec.cli.main import main
status = lambda: open("/proc/self/status").read()
peak = lambda: int(re.search("VmHWM:\\s*(\\d+)", status())[1]) / 1024
if "torch" in sys.argv: import torch
before, begin, cpu = peak(), time.perf_counter(), time.process_time()
assert main(sys.argv[1:]) == 0
print(json.dumps([before, peak(), time.perf_counter() - begin, time.process_time() - cpu]))
"""
TITLE = "# Memory and time of decoding by size\n\n"
HEADER = ("picture", "tiles", "bytes", "bare, MiB", "peak, MiB", "s", "CPU s", "CPU us/pixel")


def repeated(samples: np.ndarray, side: int) -> np.ndarray:
    """Repeat a picture (3, H, W) to a square."""
    _, height, width = samples.shape
    rows, columns = np.arange(side) % height, np.arange(side) % width
    return samples[:, rows[:, None], columns]


def decode_in_process(path: Path, *options: str) -> list[float]:
    """Return peak memory before and after (MiB), seconds, and seconds of CPU time."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["decode", str(path), "-o", f"{folder}/out.ppm", *options]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", CHILD, *arguments], check=True, capture_output=True, text=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def plot(curves: dict[str, list[tuple[int, list[float]]]], path: Path) -> None:
    """Draw memory and CPU time against pixels."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, (memory, duration) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for tiles, rows in curves.items():
        pixels = [side**2 for side, _ in rows]
        memory.plot(pixels, [figures[1] for _, figures in rows], "o-", label=tiles)
        duration.plot(pixels, [figures[3] for _, figures in rows], "o-", label=tiles)
    last = rows[-1][1][3] / pixels[-1]
    samples = [rows[0][1][0] + 3 * count / 2**20 for count in pixels]
    memory.plot(pixels, samples, "k:", label="bare process + samples")
    memory.set(ylabel="peak resident memory (MiB)", xscale="log", yscale="log")
    duration.plot(pixels, [last * count for count in pixels], "k:", label="linear")
    duration.set(ylabel="seconds of CPU", xscale="log", yscale="log")
    for axes in (memory, duration):
        axes.set_xlabel("pixels")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=100)


def region_options(side: int, tile_size: int) -> list[list[str]]:
    """Return what to decode of the largest picture: all, the corner of four tiles, one tile's."""
    middle, inside = side // 2, side // 2 + (tile_size - REGION) // 2
    places = [f"{place},{place},{REGION},{REGION}" for place in dict.fromkeys((middle, inside))]
    return [[], *(["--region", place] for place in places)]


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 256, 1024, 2048, 4096, 8192])
    parser.add_argument("--tile-size", type=int, default=512)
    parser.add_argument("--quality", type=int, default=45)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--streams", type=Path, help="folder that keeps the streams for next time")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory"))
    options = parser.parse_args()
    samples = read_picture(options.picture).picture.samples
    lines = [HEADER, ("---",) * len(HEADER)]
    curves: dict[str, list[tuple[int, list[float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for tile_size in (options.tile_size, None):
            tiles = f"{tile_size}" if tile_size else "one"
            rows = curves.setdefault(f"tiles of {tile_size}" if tile_size else "one tile", [])
            for side in options.sides:
                path = Path(options.streams or folder, f"{side}_{tiles}.jai")
                if not path.exists():
                    structure = Structure(tile_size=tile_size or LARGEST_TILE)
                    square = repeated(samples, side)
                    path.write_bytes(encode(square, quality=options.quality, structure=structure))
                is_largest = side == max(options.sides) > REGION and tile_size is not None
                for region in region_options(side, tile_size) if is_largest else [[]]:
                    figures = decode_in_process(path, "--backend", options.backend, *region)
                    count = REGION**2 if region else side**2
                    name = " ".join((f"{side}x{side}", *region))
                    cells = [
                        f"{figure:.{digits}f}"
                        for figure, digits in zip(figures, (0, 0, 2, 2), strict=True)
                    ]
                    cost = f"{1e6 * figures[3] / count:.2f}"
                    lines.append((name, tiles, str(path.stat().st_size), *cells, cost))
                    print(*lines[-1], sep="  ", flush=True)
                    if not region:
                        rows.append((side, figures))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    text = TITLE + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    options.out.with_suffix(".md").write_text(text, encoding="utf-8")
    plot(curves, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
