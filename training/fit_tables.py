"""Replace the parametric probability tables by counts of what the integer encoder codes on training patches.

usage: python -m training.fit_tables CHECKPOINT.safetensors PATCHES.npy [--patches 150] [--rounds 2]

Fits the residual's tables and reconstruction offsets (spec/tables/residual_cdf.json) and the hyper-latent's tables
(in the model set), round after round, because the encoder's choices depend on them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from refdec.codec import Codec, get_codec
from refdec.entropy.context import DEVIATION_ONE, Step, decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features
from refdec.entropy.tables import load_residual_tables
from refdec.network import load_model_set
from refenc.analysis import load_analysis
from refenc.encode import MODEL_SET, RATE_WEIGHT, Recorder, analyse
from refenc.quantise import Quantiser
from training.pack import HYPER_BOUND, hyper_tables, load_checkpoint, pack
from training.tables import (
    NUM_SCALES,
    apportion,
    logistic_weights,
    sigma_of_scale,
    write_residual_tables,
)

HALF = 255
PRIOR = 200.0
"""Observations that the logistic start counts for, per table."""


class Counter(Recorder):
    """An encoder's residual source that also counts, per scale index, values and their rounding errors."""

    def __init__(
        self,
        quantiser: Quantiser,
        y: np.ndarray,
        masking: np.ndarray,
        slices: list[slice],
        counts: np.ndarray,
        pull: np.ndarray,
    ) -> None:
        super().__init__(quantiser, y, masking, slices)
        self.counts, self.pull = counts, pull

    def __call__(self, step: Step) -> np.ndarray:
        """Quantise, then count."""
        residual = super().__call__(step)
        t = step.tables
        magnitude = np.minimum(np.abs(residual), HALF + 1)
        np.add.at(self.counts, (t, magnitude), 1)
        width = np.broadcast_to(step.step, step.coded.shape)[step.coded] / 16
        target = self.y[self.slices[step.group]][step.coded]
        v = (target - step.mu[step.coded] / 2) / width - step.mean[step.coded] / DEVIATION_ONE
        short = np.sign(residual) * (residual - v)
        np.add.at(self.pull, (t, np.minimum(magnitude, 2), 0), short)
        np.add.at(self.pull, (t, np.minimum(magnitude, 2), 1), 1)
        return residual


def observe(
    codec: Codec, patches: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Encode patches (N, H, W, 3) at random qualities.

    Returns counts of |r| (80, 257), sums and numbers of rounding errors (80, 3, 2), counts of z (Z, 129).
    """
    residual = load_residual_tables()
    quantiser = Quantiser.of(residual, RATE_WEIGHT)
    counts, pull = np.zeros((NUM_SCALES, HALF + 2)), np.zeros((NUM_SCALES, 3, 2))
    z_counts = np.zeros((len(codec.hyper_tables.bounds), 2 * HYPER_BOUND + 3))
    for patch in patches:
        analysed = analyse(np.ascontiguousarray(patch.transpose(2, 0, 1)))
        z = np.clip(analysed.z_hat + HYPER_BOUND + 1, 0, 2 * HYPER_BOUND + 2)
        for channel, row in enumerate(z):
            np.add.at(z_counts[channel], row.ravel(), 1)
        plane = np.full(analysed.y.shape[1:], rng.integers(0, 64), np.int32)
        state, mu = decode_hyper_features(network=codec.hyper, z_hat=analysed.z_hat, quality=plane)
        slices = list(codec.context.slices())
        source = Counter(quantiser, analysed.y, analysed.masking, slices, counts, pull)
        decode_tile_latent(
            model=codec.context,
            state=state,
            mu=mu,
            quality=plane,
            source=source,
            num_groups=len(codec.context.groups),
            monochrome=False,
        )
    return counts, pull, z_counts


def residual_rows(counts: np.ndarray) -> list[list[int]]:
    """Symmetric tables from counts of magnitudes, with the logistic start as a prior."""
    rows = []
    for t in range(NUM_SCALES):
        start = logistic_weights(sigma_of_scale(t))
        bound = len(start) // 2 - 1
        side = np.append(counts[t, 0], counts[t, 1 : bound + 1] / 2)
        observed = np.concatenate([side[:0:-1], side, [counts[t, bound + 1 :].sum()]])
        rows.append(apportion(observed + PRIOR * start / start.sum()))
    return rows


def main() -> None:
    """Pack, then observe and refit in rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("patches")
    parser.add_argument("--patches", dest="count", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(1)
    net, data = load_checkpoint(o.checkpoint), np.load(o.patches, mmap_mode="r")
    pack(net, MODEL_SET, hyper_tables(net))
    write_residual_tables(
        [apportion(logistic_weights(sigma_of_scale(t))) for t in range(NUM_SCALES)]
    )
    for number in range(o.rounds):
        for cached in (load_model_set, get_codec, load_residual_tables, load_analysis):
            cached.cache_clear()
        rng = np.random.default_rng(number)
        chosen = np.sort(rng.choice(len(data), min(o.count, len(data)), replace=False))
        counts, pull, z_counts = observe(get_codec(MODEL_SET, "numpy"), data[chosen], rng)
        mean = pull[..., 0] / np.maximum(pull[..., 1], 1)
        trust = pull[..., 1] / (pull[..., 1] + 100)
        offsets = np.clip(np.round(mean * trust * DEVIATION_ONE), 0, 12).astype(int)[:, 1:]
        write_residual_tables(residual_rows(counts), offsets=offsets.tolist())
        escape = z_counts[:, 0] + z_counts[:, -1]
        z_rows = np.column_stack([z_counts[:, 1:-1] + 0.02, escape + 0.02])
        pack(net, MODEL_SET, np.array([apportion(row) for row in z_rows], np.int16))
        print(f"round {number}: {int(counts.sum())} residuals", flush=True)


if __name__ == "__main__":
    main()
