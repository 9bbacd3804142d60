"""Train the residual filter alone, on what the integer decoder really gives it.

usage: python -m training.train_filter CHECKPOINT.safetensors PATCHES.npy OUT.safetensors [--minutes 15]

The model set packed from CHECKPOINT must be in spec/models (training.fit_tables put it there). Patches are encoded at
random qualities and decoded up to the simple synthesis; the filter then learns the way from there to the source,
several times faster than in `training.train`, where every step also runs the context networks.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from refdec.codec import get_codec
from refdec.syntax.segment import SynthesisTransform
from refdec.synthesis.transform import synthesise
from refenc.encode import MODEL_SET
from training import checkpoint
from training.coded import coded_patches
from training.graph import Graph
from training.pack import load_checkpoint
from training.train import distortion

SPEEDS = {"f0": 0.05, "f1": 0.3, "correction": 0.3}
"""Learning rate multiplier by layer, as large as the layer's weights ask for."""


@torch.no_grad()
def start(net_filter: Graph) -> None:
    """Begin with random features that do not see the local mean, and no correction."""
    weight = net_filter.modules_by_layer["f0"].weight
    torch.nn.init.normal_(weight, std=0.006)
    components = weight.view(weight.shape[0], 3, -1)
    components -= components.mean(2, keepdim=True)
    for name, layer in net_filter.modules_by_layer.items():
        if name.startswith("r"):
            torch.nn.init.normal_(layer.weight, std=(layer.weight[0].numel() / 2) ** -0.5)
        if name.startswith(("q", "correction")):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    torch.nn.init.zeros_(net_filter.modules_by_layer["f0"].bias)
    torch.nn.init.zeros_(net_filter.modules_by_layer["f1"].anchors)


def decoded_pairs(patches: np.ndarray, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Source and simply synthesised planes (N, 3, 256, 256) in sample units, and quality (N,)."""
    codec = get_codec(MODEL_SET, "numpy")
    sources, decoded, qualities = [], [], []
    for source, y_hat, quality in coded_patches(patches, seed):
        networks = codec.synthesis(SynthesisTransform.SIMPLE)
        plane = np.full(y_hat.shape[1:], quality, np.int32)
        planes = synthesise(networks=networks, y_hat=y_hat, quality=plane)
        sources.append(source)
        decoded.append(planes.astype(np.int16))
        qualities.append(quality)
    stack = lambda arrays: torch.from_numpy(np.stack(arrays))
    return stack(sources), stack(decoded), torch.tensor(qualities)


def gain(net_filter: torch.nn.Module, pairs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Distortion after the filter over that before, per picture."""
    source, planes, quality = pairs[0].float(), pairs[1].float() / 8, pairs[2]
    filtered = net_filter(quality, samples=planes)["filtered"]
    return distortion(filtered, source) / (distortion(planes, source) + 0.05)


def main() -> None:
    """Train; the last 24 patches only measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("patches")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--restart", action="store_true", help="begin with a new filter")
    parser.add_argument("--rate", type=float, default=4e-4)
    o = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = load_checkpoint(o.checkpoint)
    pairs = decoded_pairs(np.load(o.patches, mmap_mode="r")[: o.count], 0)
    check = tuple(t[-24:] for t in pairs)
    net.filter.train()
    if o.restart:
        start(net.filter)
    optimiser = torch.optim.Adam(
        [
            {"params": layer.parameters(), "speed": SPEEDS.get(name, 1.0)}
            for name, layer in net.filter.modules_by_layer.items()
        ],
        betas=(0.9, 0.98),
    )
    average = {n: p.detach().clone() for n, p in net.filter.state_dict().items()}
    begin, step = time.time(), 0
    while (part := (time.time() - begin) / (60 * o.minutes)) < 1:
        rate = o.rate * min(1, (step + 1) / 100) * (0.02 + 0.49 * (1 + math.cos(math.pi * part)))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["speed"]
        chosen = torch.randint(0, o.count - 24, (o.batch,))
        batch = [t[chosen] for t in pairs]
        for axis in (2, 3):
            if torch.rand(()) < 0.5:
                batch[:2] = [t.flip(axis) for t in batch[:2]]
        loss = gain(net.filter, tuple(batch)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.filter.parameters(), 0.1)
        optimiser.step()
        step += 1
        for n, p in net.filter.state_dict().items():
            average[n].lerp_(p, 1 - min(0.995, step / (step + 10)))
        if step % 50 == 0:
            with torch.no_grad():
                ratio = gain(net.filter, check)
            print(
                f"{step} {time.time() - begin:.0f} s  {-10 * math.log10(ratio.mean()):+.3f} dB",
                flush=True,
            )
    net.filter.load_state_dict(average)
    net.eval()
    with torch.no_grad():
        ratio = gain(net.filter, check)
    print(f"averaged: {-10 * math.log10(ratio.mean()):+.3f} dB", flush=True)
    checkpoint.save(net.state_dict(), o.out)


if __name__ == "__main__":
    main()
