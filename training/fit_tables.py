"""Replace the parametric probability tables by counts of what the integer encoder codes on training patches.

usage: python -m training.fit_tables CHECKPOINT.safetensors PATCHES.npy [--patches 150] [--rounds 2]

Fits the residual's tables and reconstruction offsets (spec/tables/residual_cdf.json) and the tables of the hyper-latent
and of the block transforms (in the model set), round after round, because the encoder's choices depend on them.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from refdec.codec import Codec, get_codec
from refdec.entropy.context import DEVIATION_ONE, ContextModel, Step, decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features
from refdec.entropy.tables import load_residual_tables
from refdec.network import load_model_set
from refenc.analysis import load_analysis
from refenc.encode import MODEL_SET, RATE_WEIGHT, analyse
from refenc.quantise import Quantiser
from refenc.tile import Recorder, Source
from training.pack import (
    HYPER_BOUND,
    as_tables,
    hyper_tables,
    load_checkpoint,
    pack,
    transform_tables,
)
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


@dataclass
class Observations:
    """Counts of what was coded."""

    residuals: np.ndarray
    """(80, 257), of |r| by scale index."""
    pull: np.ndarray
    """(80, 3, 2), sums and numbers of rounding errors by scale index and |r|."""
    z: np.ndarray
    """(Z, 129), of the hyper-latent, escapes on both sides."""
    transforms: np.ndarray
    """(T, K), of block transforms by table."""


class Counter(Recorder):
    """An encoder's source that also counts, per scale index, values and their rounding errors."""

    def __init__(
        self,
        model: ContextModel,
        quantiser: Quantiser,
        tile: Source,
        seen: Observations,
    ) -> None:
        super().__init__(model, quantiser, tile)
        self.seen = seen

    def transform_idx(self, tables: np.ndarray) -> np.ndarray:
        """Choose, then count."""
        indices = super().transform_idx(tables)
        np.add.at(self.seen.transforms, (tables, indices), 1)
        return indices

    def residual(self, step: Step) -> np.ndarray:
        """Quantise, then count."""
        residual = super().residual(step)
        t = step.tables
        magnitude = np.minimum(np.abs(residual), HALF + 1)
        np.add.at(self.seen.residuals, (t, magnitude), 1)
        width = np.broadcast_to(step.step, step.coded.shape)[step.coded] / 16
        target = self.y[self.slices[step.group]][step.coded]
        v = (target - step.mu[step.coded] / 2) / width - step.mean[step.coded] / DEVIATION_ONE
        short = np.sign(residual) * (residual - v)
        np.add.at(self.seen.pull, (t, np.minimum(magnitude, 2), 0), short)
        np.add.at(self.seen.pull, (t, np.minimum(magnitude, 2), 1), 1)
        return residual


def observe(codec: Codec, patches: np.ndarray, rng: np.random.Generator) -> Observations:
    """Encode patches (N, H, W, 3) at random qualities."""
    residual, transforms = load_residual_tables(), codec.context.transforms
    quantiser = Quantiser.of(residual, RATE_WEIGHT)
    seen = Observations(
        residuals=np.zeros((NUM_SCALES, HALF + 2)),
        pull=np.zeros((NUM_SCALES, 3, 2)),
        z=np.zeros((len(codec.hyper_tables.bounds), 2 * HYPER_BOUND + 3)),
        transforms=np.zeros((len(transforms.tables.bounds), transforms.num_transforms)),
    )
    for patch in patches:
        analysed = analyse(np.ascontiguousarray(patch.transpose(2, 0, 1)))
        z = np.clip(analysed.z_hat + HYPER_BOUND + 1, 0, 2 * HYPER_BOUND + 2)
        for channel, row in enumerate(z):
            np.add.at(seen.z[channel], row.ravel(), 1)
        plane = np.full(analysed.y.shape[1:], rng.integers(0, 64), np.int32)
        state, mu = decode_hyper_features(network=codec.hyper, z_hat=analysed.z_hat, quality=plane)
        tile = Source(analysed.y, state, mu, plane, analysed.masking)
        source = Counter(codec.context, quantiser, tile, seen)
        decode_tile_latent(
            model=codec.context,
            state=state,
            mu=mu,
            quality=plane,
            source=source,
            num_groups=len(codec.context.groups),
            monochrome=False,
        )
    return seen


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
    pack(net, MODEL_SET, hyper_tables(net), transform_tables(net))
    write_residual_tables(
        [apportion(logistic_weights(sigma_of_scale(t))) for t in range(NUM_SCALES)]
    )
    for number in range(o.rounds):
        for cached in (load_model_set, get_codec, load_residual_tables, load_analysis):
            cached.cache_clear()
        rng = np.random.default_rng(number)
        chosen = np.sort(rng.choice(len(data), min(o.count, len(data)), replace=False))
        seen = observe(get_codec(MODEL_SET, "numpy"), data[chosen], rng)
        mean = seen.pull[..., 0] / np.maximum(seen.pull[..., 1], 1)
        trust = seen.pull[..., 1] / (seen.pull[..., 1] + 100)
        offsets = np.clip(np.round(mean * trust * DEVIATION_ONE), 0, 12).astype(int)[:, 1:]
        write_residual_tables(residual_rows(seen.residuals), offsets=offsets.tolist())
        escape = seen.z[:, 0] + seen.z[:, -1]
        z_rows = np.column_stack([seen.z[:, 1:-1] + 0.02, escape + 0.02])
        pack(net, MODEL_SET, as_tables(z_rows), transform_tables(net, seen.transforms))
        print(f"round {number}: {int(seen.residuals.sum())} residuals", flush=True)


if __name__ == "__main__":
    main()
