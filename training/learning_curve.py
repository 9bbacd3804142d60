"""Rate against pictures seen: BD-rate and loss of checkpoints of one training against its first.

usage: python -m training.learning_curve FOLDER OUT.png STEPS:CHECKPOINT ... [--crop 384] [--every 4]

OUT.json keeps the numbers. The loss is that of `training.train`, the mean over pictures and qualities.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt

from training.evaluate import LOSS, MS_SSIM, PSNR, bd_rate, centre_crops, table
from training.pack import load_checkpoint

PIXELS_PER_STEP = 4 * 256 * 256
QUALITIES = [6, 18, 30, 42, 52]


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
    losses = np.array([t[..., LOSS].mean() for t in tables])
    curves = {
        "BD-rate, PSNR-RGB": [bd_rate(tables[0], t, PSNR) for t in tables],
        "BD-rate, MS-SSIM-RGB": [bd_rate(tables[0], t, MS_SSIM) for t in tables],
        "loss": 100 * (losses / losses[0] - 1),
    }
    document = {
        "pictures": len(crops),
        "crop": o.crop,
        "gigapixels": pixels.round(3).tolist(),
        "steps": steps,
        "percent": {k: np.round(v, 2).tolist() for k, v in curves.items()},
    }
    o.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    draw(document, o.out)


def draw(document: dict, out: Path) -> None:
    """Draw the curves."""
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for name, values in document["percent"].items():
        axes.plot(document["gigapixels"], values, "o-", label=name)
    axes.set(
        xlabel="pixels of training pictures seen, 10^9",
        ylabel="against the first checkpoint, %",
        title=f"Learning curve, {document['pictures']} validation photographs",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    main()
