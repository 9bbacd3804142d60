"""Give the synthesis transform the inverse of the analysis transform, rounded to its integers as a whole.

usage: python -m training.fit_synthesis CHECKPOINT.safetensors PATCHES.npy OUT.safetensors [--count 500]

Weights of 8 bits, each rounded by itself, cost the lapped inverse transform 1 to 6.5 dB, and gradients do not find the
way back: the filter learned to mend it instead. Here they are rounded together (`training.rounding`). The latents are
those of the model set that is packed in spec/models.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import checkpoint
from training.coded import coded_patches
from training.graph import QUALITIES, Graph
from training.model import Set
from training.networks import LOW
from training.rounding import round_together
from training.train import mean_squared_error

CHECKED = 40
"""Patches that only measure."""
BATCH = 20
REPLACED = ("synthesis.", "filter.")
FLOOR = 0.5
"""Squared error that hardly counts."""

Coded = tuple[Tensor, Tensor, Tensor]
"""Source planes (N, 3, 256, 256) in sample units, y_hat (N, 512, 16, 16) in 1/2 units, quality (N,)."""


@torch.no_grad()
def squared_errors(synthesis: Graph, coded: Coded) -> Tensor:
    """Mean squared error of R, G, B per picture."""
    parts = [tuple(t[i : i + BATCH] for t in coded) for i in range(0, len(coded[0]), BATCH)]
    return torch.cat(
        [
            mean_squared_error(synthesis(q, latent=y.float() / 2)["samples"], source.float())
            for source, y, q in parts
        ]
    )


def decibels(synthesis: Graph, coded: Coded) -> str:
    """Mean PSNR of the pictures of each quarter of the quality range."""
    psnr = 10 * torch.log10(65025 / squared_errors(synthesis, coded))
    quarter = coded[2] * 4 // QUALITIES
    return "  ".join(f"{psnr[quarter == k].mean():.2f}" for k in range(4))


@torch.no_grad()
def second_moments(net: Set, layer: str, coded: Coded, weight: Tensor) -> list[Tensor]:
    """Second moments of the inputs (1, x) of each group of a layer, pictures weighted by `weight` (N,)."""
    conv = net.synthesis.modules_by_layer[layer]
    inputs: list[Tensor] = []
    hook = conv.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    width = conv.weight.shape[1] + 1
    moments = [torch.zeros(width, width, dtype=torch.float64) for _ in range(conv.groups)]
    for i in range(0, len(weight), BATCH):
        _, y, q = (t[i : i + BATCH] for t in coded)
        net.synthesis(q, latent=y.float() / 2)
        for g, x in enumerate(inputs.pop().chunk(conv.groups, 1)):
            ones = torch.nn.functional.pad(x, (0, 0, 0, 0, 1, 0), value=1.0).flatten(2)
            part = torch.einsum("b,bip,bjp->ij", weight[i : i + BATCH], ones, ones)
            moments[g] += part.double()
    hook.remove()
    return moments


@torch.no_grad()
def fit(net: Set, coded: Coded, check: Coded) -> None:
    """Invert, and round layer after layer."""
    net.invert()
    layers = net.synthesis.modules_by_layer
    for layer in layers.values():
        layer.rounding = False
    print(f"real numbers: {decibels(net.synthesis, check)} dB", flush=True)
    weight = 1 / (squared_errors(net.synthesis, coded) + FLOOR)
    coarse, whole = layers["blocks_coarse"], layers["blocks_coarse"].weight[:, :LOW].clone()
    round_together(coarse, second_moments(net, "blocks_coarse", coded, weight), exact=LOW)
    layers["blocks_fine"].weight.copy_(whole - coarse.weight[:, :LOW])
    round_together(layers["across"], second_moments(net, "across", coded, weight))
    for layer in layers.values():
        layer.rounding = True


def main() -> None:
    """Fit; the last patches only measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("patches")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=500)
    o = parser.parse_args()
    torch.set_num_threads(1)
    net = Set().eval()
    kept = {n: v for n, v in checkpoint.load(o.checkpoint).items() if not n.startswith(REPLACED)}
    net.load_state_dict(net.state_dict() | kept)
    patches = np.load(o.patches, mmap_mode="r")
    order = np.random.default_rng(11).permutation(len(patches))[: o.count]
    sources, latents, qualities = zip(*coded_patches(patches[order], 1), strict=True)
    coded: Coded = (
        torch.from_numpy(np.stack(sources)),
        torch.from_numpy(np.stack([y.astype(np.int16) for y in latents])),
        torch.tensor(qualities),
    )
    check = tuple(t[-CHECKED:] for t in coded)
    fit(net, tuple(t[:-CHECKED] for t in coded), check)
    print(f"integers: {decibels(net.synthesis, check)} dB", flush=True)
    checkpoint.save(net.state_dict(), o.out)


if __name__ == "__main__":
    main()
