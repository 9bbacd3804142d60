"""Rate and distortion of a checkpoint on centre crops of a folder, without a coder.

usage: python -m training.evaluate CHECKPOINT.safetensors FOLDER [--crop 512] [--quality 8 24 40 56] [--float CHECKPOINT]

`--float` gives a second checkpoint, whose networks run with real weights and activations (`training.train --float`),
and what rounding to integers costs against it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import bjontegaard
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.graph import without_rounding
from training.model import Set
from training.pack import load_checkpoint
from training.train import distortion, mean_squared_error, rate_weight, structural_error, ycc

PSNR, MS_SSIM, LOSS = 2, 3, 4
"""Columns of a table."""


def centre_crops(folder: Path, side: int, every: int) -> Iterator[Tensor]:
    """Yield (1, 3, H, W) RGB 0..255 of each photograph's middle, sides multiples of 64."""
    for path in sorted(folder.glob("photo*"))[::every]:
        p = Image.open(path).convert("RGB")
        w, h = (min(side, s // 64 * 64) for s in p.size)
        x, y = (p.width - w) // 2, (p.height - h) // 2
        crop = np.array(p.crop((x, y, x + w, y + h)))
        yield torch.from_numpy(crop).permute(2, 0, 1)[None].float()


@torch.no_grad()
def measure(net: Set, crop: Tensor, q: int) -> list[float]:
    """Return bits per pixel of y and of z, PSNR-RGB and MS-SSIM-RGB in dB, and the loss of training, of one crop."""
    x, quality = ycc(crop.clone()), torch.tensor([q])
    out = net(x, quality)
    n = x.shape[2] * x.shape[3]
    simple = net.synthesis(quality, latent=out["y_hat"])["samples"]
    base = net.filter(quality, samples=simple)["filtered"]
    error = mean_squared_error(base.clamp(-255, 255), x)
    bpp_y, bpp_z = out["bits_y"] / n, out["bits_z"] / n
    weight = rate_weight(quality)
    loss = (weight * distortion(base, x) + bpp_y + bpp_z) / weight.sqrt() * 0.05
    structural = structural_error(base, x)
    decibels = (10 * torch.log10(65025 / error), -10 * torch.log10(structural))
    return [v.item() for v in (bpp_y, bpp_z, *decibels, loss)]


def table(net: Set, crops: list[Tensor], qualities: list[int]) -> np.ndarray:
    """Measure all crops at all qualities, (Q, N, 5), and print the means."""
    rows = np.array([[measure(net, crop, q) for crop in crops] for q in qualities])
    for q, mean in zip(qualities, rows.mean(1), strict=True):
        print(f"quality {q:2}: bpp y, bpp z, PSNR, MS-SSIM, loss", mean.round(4), flush=True)
    return rows


def bd_rate(anchor: np.ndarray, test: np.ndarray, metric: int = PSNR) -> float:
    """Return the mean over pictures of the BD-rate of two tables, percent."""
    rates = (rows[..., 0] + rows[..., 1] for rows in (anchor, test))
    curves = zip(
        *(values.T for values in (*rates, anchor[..., metric], test[..., metric])), strict=True
    )
    return float(
        np.mean(
            [
                bjontegaard.bd_rate(
                    ra, da, rt, dt, method="pchip", require_matching_points=False, min_overlap=0
                )
                for ra, rt, da, dt in curves
            ]
        )
    )


def main() -> None:
    """Print, per quality, means over the folder's photographs: bpp of y and z, PSNR-RGB, loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--quality", type=int, nargs="*", default=[8, 24, 40, 56])
    parser.add_argument(
        "--float", type=Path, help="checkpoint to run with real numbers and compare with"
    )
    o = parser.parse_args()
    torch.set_num_threads(1)
    net = load_checkpoint(o.checkpoint)
    crops = list(centre_crops(o.folder, o.crop, o.every))
    integer = table(net, crops, o.quality)
    if o.float is not None:
        real_net = load_checkpoint(o.float)
        without_rounding(real_net)
        print("real numbers:")
        real = table(real_net, crops, o.quality)
        print(f"integers against real numbers: {bd_rate(real, integer):+.2f} % (BD-rate, PSNR-RGB)")


if __name__ == "__main__":
    main()
