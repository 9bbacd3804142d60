"""Train a model set on patches, resumable, for a given time.

usage: python -m training.train PATCHES.npy CHECKPOINT.safetensors [--minutes 60] [--batch 4] [--device cpu]

The synthesis transform is the inverse of the analysis transform here; `training.fit_synthesis` then makes integers of
it, and `training.train_filter` the filter. The learning rate follows the share of the time that has passed; a
checkpoint that exists is continued.
"""

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pytorch_msssim import ms_ssim
from torch import Tensor

from training import checkpoint
from training.graph import QUALITIES, settle, straight_through, without_rounding
from training.model import RGB_FROM_YCC, STEP_RANGE, Set
from training.transform import BLOCK, frequency_order

STRUCTURAL_SHARE = 0.3
STRUCTURAL_SCALE = 1500
"""Squared error of about as much harm as a structural error of 1, near 1 bit per pixel."""
SMOOTH_WEIGHT = 0.01
YCC_FROM_RGB = torch.linalg.inv(torch.tensor(RGB_FROM_YCC))


def ycc(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) RGB 0..255 to YCbCr with the luma centred."""
    out = torch.einsum("ij,bjhw->bihw", YCC_FROM_RGB.to(rgb.device), rgb)
    out[:, 0] -= 128
    return out


def mean_squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Per picture, over R, G and B, of YCbCr pictures."""
    return (
        torch.einsum("ij,bjhw->bihw", torch.tensor(RGB_FROM_YCC, device=x.device), x_hat - x) ** 2
    ).mean((1, 2, 3))


def structural_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """1 - MS-SSIM per picture, over R, G and B, of YCbCr pictures."""
    matrix = torch.tensor(RGB_FROM_YCC, device=x.device)
    rgb_hat, rgb = (torch.einsum("ij,bjhw->bihw", matrix, p) + 128 for p in (x_hat, x))
    return 1 - ms_ssim(rgb_hat.clamp(0, 255), rgb, data_range=255, size_average=False)


def distortion(x_hat: Tensor, x: Tensor) -> Tensor:
    """Mean squared error, a share of it exchanged for as much structural error."""
    squared, structural = mean_squared_error(x_hat, x), structural_error(x_hat, x)
    return (1 - STRUCTURAL_SHARE) * squared + STRUCTURAL_SHARE * STRUCTURAL_SCALE * structural


def smooth_pictures(rng: np.random.Generator, count: int) -> Tensor:
    """Yield planes (B, 3, 256, 256) of any colour that rise evenly, at most 40 code values across."""
    colour, slope = (
        rng.uniform(0, 255, (count, 3, 1, 1)),
        rng.uniform(-0.16, 0.16, (2, count, 3, 1, 1)),
    )
    slope *= rng.random((count, 1, 1, 1)) < 0.7
    across = np.arange(256) - 128.0
    x = colour + slope[0] * across + slope[1] * across[:, None]
    return ycc(torch.from_numpy(np.clip(x, 0, 255).astype(np.float32)))


def unevenness(net: Set, x: Tensor) -> Tensor:
    """Squared error of the means predicted for smooth pictures, in squared sample units.

    What the low frequencies of the hyper-latent leave there is below the dead zone of a coarse quantiser: it would stay
    in the picture as patches.
    """
    y, z = net.analyse(x)
    mean = net.hyper(
        torch.zeros(len(x), dtype=torch.long, device=x.device), z=straight_through(z.round(), z)
    )["mean"]
    lowest = [i for i, (_, u, v) in enumerate(frequency_order()[: mean.shape[1]]) if u == v == 0]
    return ((mean[:, lowest] - y[:, lowest]) / BLOCK).square().mean()


def rate_weight(quality: Tensor) -> Tensor:
    """Lambda of `lambda * MSE + bits per pixel`: 5 / step**2 of the untrained step."""
    hi, lo = STEP_RANGE
    step = hi * (lo / hi) ** (quality.float() / (QUALITIES - 1))
    return 5 / step**2


TRANSFORM_PARTS = ("pre.", "analysis.", "step_log")
SPEEDS = (
    ("hyper_linear", 0.002),  # sees latents of several hundred units
    ("pre.", 0.005),
    ("analysis.", 0.01),
    ("hyper.modules_by_layer.m.", 10.0),  # answers in latents of several hundred units
    ("basis.", 10.0),  # sees ones
    ("", 2.0),
)
"""Learning rate multiplier by the first part of the name that matches: the units of what a layer sees and answers differ widely."""


def speed(name: str) -> float:
    """Learning rate multiplier of a parameter."""
    return next(value for start, value in SPEEDS if start in name)


def batches(
    data: np.ndarray, rng: np.random.Generator, batch: int, crop: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (x, quality): random crops, flips, transposes, a few of them grey."""
    while True:
        x = []
        for i in rng.integers(0, len(data), batch):
            oy, ox = rng.integers(0, data.shape[1] - crop + 1, 2)
            p = data[i, oy : oy + crop, ox : ox + crop].astype(np.float32)
            p = p[:, ::-1] if rng.random() < 0.5 else p
            p = p.transpose(1, 0, 2) if rng.random() < 0.25 else p
            p = (
                np.repeat(p @ np.float32([[0.299], [0.587], [0.114]]), 3, 2)
                if rng.random() < 0.05
                else p
            )
            x.append(np.ascontiguousarray(p))
        x = torch.from_numpy(np.stack(x)).permute(0, 3, 1, 2)
        yield ycc(x), torch.from_numpy(rng.integers(0, QUALITIES, batch))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patches", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--float", action="store_true", help="real numbers, to measure integers against"
    )
    parser.add_argument(
        "--precision",
        choices=("highest", "high"),
        default="highest",
        help="high: TF32 on a GPU, whose sums are not exact; the packed integers are, either way",
    )
    parser.add_argument(
        "--entropy", action="store_true", help="the entropy model alone: transform, steps are fixed"
    )
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    torch.manual_seed(o.seed)
    torch.set_num_threads(o.threads)
    torch.set_float32_matmul_precision(o.precision)
    data = np.load(o.patches, mmap_mode="r")
    net = Set()
    if o.checkpoint.exists():
        net.load_state_dict(net.state_dict() | checkpoint.load(o.checkpoint))
    else:
        net.start(
            [
                ycc(torch.from_numpy(data[i : i + 4].astype(np.float32)).permute(0, 3, 1, 2))
                for i in range(0, 320, 8)
            ]
        )
    if o.float:
        settle(net)
        without_rounding(net)
    net.to(o.device)
    fixed = ("synthesis.", "filter.") + (TRANSFORM_PARTS if o.entropy else ())
    trained = {
        n: p for n, p in net.named_parameters() if not n.startswith(fixed) and "_mask." not in n
    }
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in trained)
    optimiser = torch.optim.Adam(
        [{"params": p, "speed": speed(n)} for n, p in trained.items()], betas=(0.9, 0.98)
    )
    average = {n: p.detach().clone() for n, p in net.state_dict().items()}
    begin, seconds, log = time.time(), 60 * o.minutes, []
    rng = np.random.default_rng(o.seed)
    for step, batch in enumerate(batches(data, rng, o.batch, o.crop), 1):
        part = (time.time() - begin) / seconds
        if part >= 1:
            break
        rate = o.rate * min(1, step / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["speed"]
        x, quality = (t.to(o.device) for t in batch)
        out = net(x, quality)
        if o.entropy:
            error = damage = torch.zeros(())
        else:
            x_hat = net.inverse(out["y_hat"])
            error, damage = mean_squared_error(x_hat, x), distortion(x_hat, x)
        pixels = x.shape[2] * x.shape[3]
        bpp_y, bpp_z, bpp_t = (out[name] / pixels for name in ("bits_y", "bits_z", "bits_t"))
        weight = rate_weight(quality)
        loss = weight * damage + bpp_y + bpp_z + bpp_t
        loss = (loss / weight.sqrt()).mean() * 0.05
        smooth = unevenness(net, smooth_pictures(rng, 2).to(o.device))
        loss = loss + SMOOTH_WEIGHT * smooth
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimiser.step()
        keep = min(0.998, step / (step + 10))
        for n, p in net.state_dict().items():
            average[n].lerp_(p, 1 - keep)
        log.append(
            [
                loss.item(),
                bpp_y.mean().item(),
                bpp_z.mean().item(),
                bpp_t.mean().item(),
                (10 * torch.log10(65025 / error)).mean().item(),
                smooth.item(),
            ]
        )
        if step % 50 == 0:
            print(
                f"{step} {time.time() - begin:.0f} s  loss, bpp y, bpp z, bpp transform, dB, unevenness:",
                np.mean(log, 0).round(4),
                flush=True,
            )
            log = []
        if step % 250 == 0 or part > 0.999:
            checkpoint.save(average, o.checkpoint)
    checkpoint.save(average, o.checkpoint)


if __name__ == "__main__":
    main()
