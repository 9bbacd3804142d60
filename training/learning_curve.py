"""Rate against pictures seen: BD-rate of checkpoints of one training against its first, and what the line through them says.

usage: python -m training.learning_curve FOLDER OUT.png STEPS:CHECKPOINT ... [--crop 384] [--every 4]

OUT.json keeps the numbers. The line is fitted to all points but the first, in the logarithm of the pixels seen; it is an
extrapolation, not a promise.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt

from training.evaluate import MS_SSIM, PSNR, bd_rate, centre_crops, table
from training.pack import load_checkpoint

PIXELS_PER_STEP = 4 * 256 * 256
QUALITIES = [6, 18, 30, 42, 52]
FURTHER = (2, 4, 8)
"""Multiples of the pixels seen at which the line is read."""


def main() -> None:
    """Measure, write the numbers, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("checkpoints", nargs="+", metavar="STEPS:CHECKPOINT")
    parser.add_argument("--crop", type=int, default=384)
    parser.add_argument("--every", type=int, default=4)
    o = parser.parse_args()
    torch.set_num_threads(1)
    crops = list(centre_crops(o.folder, o.crop, o.every))
    steps, tables = [], []
    for entry in o.checkpoints:
        count, path = entry.split(":", 1)
        steps.append(int(count))
        tables.append(table(load_checkpoint(Path(path)), crops, QUALITIES))
    pixels = np.array(steps) * PIXELS_PER_STEP / 1e9
    curves, predicted = {}, {}
    for name, metric in (("PSNR-RGB", PSNR), ("MS-SSIM-RGB", MS_SSIM)):
        curves[name] = [bd_rate(tables[0], t, metric) for t in tables]
        slope, start = np.polyfit(np.log2(pixels[1:]), curves[name][1:], 1)
        predicted[name] = {
            f"{pixels[-1] * n:.1f}": round(slope * np.log2(pixels[-1] * n) + start, 2)
            for n in FURTHER
        }
    document = {
        "pictures": len(crops),
        "crop": o.crop,
        "gigapixels": pixels.round(3).tolist(),
        "steps": steps,
        "bd_rate_percent": {k: np.round(v, 2).tolist() for k, v in curves.items()},
        "predicted": predicted,
    }
    o.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    draw(document, o.out)


def draw(document: dict, out: Path) -> None:
    """Draw both curves and where their lines go."""
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for colour, (name, values) in zip(
        ["C0", "C1"], document["bd_rate_percent"].items(), strict=True
    ):
        axes.plot(document["gigapixels"], values, "o-", color=colour, label=name)
        further = document["predicted"][name]
        xs = [document["gigapixels"][-1], *map(float, further)]
        axes.plot(
            xs,
            [values[-1], *further.values()],
            ":",
            color=colour,
            label=f"{name}, line through the points",
        )
    axes.set(
        xscale="log",
        xlabel="pixels of training pictures seen, 10^9",
        ylabel="BD-rate against the first checkpoint, %",
        title=f"Learning curve, {document['pictures']} validation photographs",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    main()
