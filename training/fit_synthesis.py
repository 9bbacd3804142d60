"""Fit the lapped inverse transform alone to the latents that the integer encoder makes.

usage: python -m training.fit_synthesis CHECKPOINT.safetensors PATCHES.npy OUT.safetensors [--minutes 4]

`training.train` judges the transform and the filter together, and the filter ends up mending the transform: at high
quality `simple` alone is 2 to 5 dB behind `base`. Fitted by itself it is within 0.6 dB in a minute; `training.train_filter`
then starts from there. The latents must be those of the model set that is packed in spec/models.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import checkpoint
from training.coded import coded_patches
from training.graph import QUALITIES, Graph
from training.pack import load_checkpoint
from training.train import mean_squared_error

CHECKED = 40
"""Patches that only measure."""
FLOOR = 0.5
"""Squared error that hardly counts."""
SPEEDS = {"blocks": 0.02, "lapped": 0.005}
"""Learning rate multiplier by layer: the inputs are latents of several hundred units."""

Coded = tuple[Tensor, Tensor, Tensor]
"""Source planes (N, 3, 256, 256) in sample units, y_hat (N, 512, 16, 16) in 1/2 units, quality (N,)."""


def squared_errors(synthesis: Graph, coded: Coded) -> Tensor:
    """Mean squared error of R, G, B per picture."""
    source, y_hat, quality = coded
    planes = synthesis(quality, latent=y_hat.float() / 2)["samples"]
    return mean_squared_error(planes, source.float())


@torch.no_grad()
def decibels(synthesis: Graph, coded: Coded) -> str:
    """Mean PSNR of the pictures of each quarter of the quality range."""
    synthesis.eval()
    parts = [
        squared_errors(synthesis, tuple(t[i : i + 8] for t in coded)) for i in range(0, CHECKED, 8)
    ]
    synthesis.train()
    psnr, quarter = 10 * torch.log10(65025 / torch.cat(parts)), coded[2] * 4 // QUALITIES
    return "  ".join(f"{psnr[quarter == k].mean():.2f}" for k in range(4))


def main() -> None:
    """Fit; the last patches only measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("patches")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    o = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = load_checkpoint(o.checkpoint)
    patches = np.load(o.patches, mmap_mode="r")
    order = np.random.default_rng(11).permutation(len(patches))[: o.count]
    sources, latents, qualities = zip(*coded_patches(patches[order], 1), strict=True)
    coded: Coded = (
        torch.from_numpy(np.stack(sources)),
        torch.from_numpy(np.stack([y.astype(np.int16) for y in latents])),
        torch.tensor(qualities),
    )
    check, synthesis = tuple(t[-CHECKED:] for t in coded), net.synthesis
    print(f"before: {decibels(synthesis, check)} dB by quality", flush=True)
    optimiser = torch.optim.Adam(
        [
            {"params": layer.parameters(), "speed": SPEEDS.get(name, 1.0)}
            for name, layer in synthesis.modules_by_layer.items()
        ],
        betas=(0.9, 0.99),
    )
    average = {n: p.detach().clone() for n, p in synthesis.state_dict().items()}
    begin, step = time.time(), 0
    while (part := (time.time() - begin) / (60 * o.minutes)) < 1:
        rate = o.rate * min(1, (step + 1) / 100) * (0.02 + 0.49 * (1 + math.cos(math.pi * part)))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["speed"]
        chosen = torch.randint(0, o.count - CHECKED, (o.batch,))
        errors = squared_errors(synthesis, tuple(t[chosen] for t in coded))
        loss = torch.log(errors + FLOOR).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(synthesis.parameters(), 0.1)
        optimiser.step()
        step += 1
        for n, p in synthesis.state_dict().items():
            average[n].lerp_(p, 1 - min(0.99, step / (step + 10)))
        if step % 50 == 0:
            print(
                f"{step} {time.time() - begin:.0f} s  {decibels(synthesis, check)} dB", flush=True
            )
    synthesis.load_state_dict(average)
    print(f"averaged: {decibels(synthesis, check)} dB", flush=True)
    checkpoint.save(net.state_dict(), o.out)


if __name__ == "__main__":
    main()
