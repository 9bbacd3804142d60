# SPDX-License-Identifier: Apache-2.0
"""Latent decoding process of one tile: channel groups, two checkerboard phases, integer context networks.

::

      z_hat --> hyper decoder --> state, mu                     (whole picture, cropped to the tile)
                                    |
      for each group k, phase p:    v
                     head_k_p(state, activity, symbols, deviation) --> scale, mean
                                    |
                     scale_idx = clip((scale + 224) >> 3)  --> table --> rANS --> residual r
                                    |
                     e     = mean + 32 r -+ offset        (deviation from mu, 1/32 steps)
                     y_hat = mu + ((e * step + 128) >> 8) (1/2 units)
                                    |
      state <-- update_k(state, r, e)      after the group: activity_k(r)

The networks see units of the quantisation step; nothing outside the tile is seen, so tiles are independent.
The same process encodes: only the source of the residual differs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from refdec.arrays import BoolMap, I16Map, I32Map
from refdec.clause import clause
from refdec.network import Backend, CompiledNetwork, ModelSet, run_network

SCALE_OFFSET = 224
"""Added to the log2 scale (1/64 octave) so that scale index 0 starts at 2**-3.5."""
SCALE_SHIFT = 3
"""1/64 octave to 1/8 octave, the pitch of the scale indices."""
SCALE_COUNT = 80
DEVIATION_ONE = 32
"""Fixed-point one of means and deviations: a quantisation step."""
DEVIATION_MAX = 2047
STEP_SHIFT = 8
"""Deviation (2**-5) times step (2**-4) to latent (2**-1)."""
LATENT_MAX = 4095
SYMBOL_MAX = 127
"""Residuals are clipped to this before the context networks see them."""

Trace = Callable[[str, I32Map], None]


@dataclass(frozen=True)
class Step:
    """What is known when the residual of one group and phase is coded; all maps are (C, h, w) of the group."""

    group: int
    phase: int
    coded: BoolMap
    """Positions whose residual is in the stream, in C, H, W raster order."""
    scale_idx: I32Map
    """0 to 79; the probability table of each position."""
    mean: I32Map
    """Predicted deviation from `mu`, 1/32 steps."""
    mu: I32Map
    """Hyper mean, 1/2 units."""
    step: I32Map
    """Quantisation step, 1/16 units; (C, 1, 1) where the quality is uniform."""

    @property
    def tables(self) -> I32Map:
        """Table index of each coded residual, (n,)."""
        return self.scale_idx[self.coded]


ResidualSource = Callable[[Step], I32Map]
"""Gives the residuals (n,) of the coded positions of a step: from the stream, or from the encoder's quantiser."""


@dataclass(frozen=True)
class ContextModel:
    """The context networks of a model set, compiled for one backend."""

    backend: Backend
    groups: tuple[int, ...]
    mean_groups: int
    heads: tuple[CompiledNetwork, ...]
    updates: tuple[CompiledNetwork, ...]
    activities: tuple[CompiledNetwork, ...]
    steps: I16Map
    """(64, C): quantisation step per quality and channel, 1/16 units."""
    offsets: I32Map
    """(80, 3): reconstruction offset by scale index and min(|r|, 2), 1/32 steps; first column zero."""
    skip_threshold: int
    luma: BoolMap
    """(C,): channels that belong to the luma component."""

    @classmethod
    def compile(cls, model: ModelSet, backend: Backend, *, offsets: I32Map, skip_threshold: int) -> "ContextModel":
        """Prepare the networks of `model` for `backend`."""
        groups = tuple(model.metadata["groups"])
        return cls(
            backend=backend,
            groups=groups,
            mean_groups=model.metadata["mean_groups"],
            heads=tuple(
                backend.compile(model.networks[f"head_{k}_{p}"]) for k in range(len(groups)) for p in range(2)
            ),
            updates=tuple(backend.compile(model.networks[f"update_{k}"]) for k in range(len(groups))),
            activities=tuple(backend.compile(model.networks[f"activity_{k}"]) for k in range(len(groups) - 1)),
            steps=model.tables["step"],
            offsets=np.pad(offsets, ((0, 0), (1, 0))),
            skip_threshold=skip_threshold,
            luma=model.tables["component"] == 0,
        )

    def slices(self) -> Iterator[slice]:
        """Channel range of each group."""
        first = 0
        for count in self.groups:
            yield slice(first, first + count)
            first += count


@clause("8.4")
def decode_tile_latent(
    *,
    model: ContextModel,
    state: I32Map,
    mu: I32Map,
    quality: I32Map,
    source: ResidualSource,
    num_groups: int,
    monochrome: bool,
    trace: Trace | None = None,
) -> I32Map:
    """Decode the latent of one tile.

    Parameters
    ----------
    state : (S, h, w), hyper-decoder features of the tile.
    mu : (M, h, w), hyper means of the channels of the first `mean_groups` groups, 1/2 units.
    quality : (h, w), quality index 0 to 63 of each position.
    source : residuals of each step, called in decoding order.
    num_groups : groups to decode; those beyond keep their hyper mean.
    monochrome : only luma channels are coded, the others are zero.

    Returns
    -------
    (C, h, w) latent y_hat, 1/2 units, -4095 to 4095.
    """
    h, w = quality.shape
    networks = model.backend
    y_hat = np.zeros((sum(model.groups), h, w), np.int32)
    activity = np.zeros_like(y_hat)
    deviation = np.zeros_like(mu)
    y_hat[: mu.shape[0]] = mu
    if monochrome:
        y_hat[~model.luma] = 0
    phase_of = (np.arange(h)[:, None] + np.arange(w)) % 2
    features = networks.from_numpy(state)
    for k, channels in enumerate(model.slices()):
        if k == num_groups:
            break
        count = channels.stop - channels.start
        has_mean = k < model.mean_groups
        step = step_map(steps=model.steps[:, channels], quality=quality)
        present = model.luma[channels, None, None] | (not monochrome)
        symbols = np.zeros((count, h, w), np.int32)
        for p in range(2):
            # (1) Context network: scale and mean from everything decoded so far.
            head = model.heads[2 * k + p]
            known = {
                "state": features,
                "symbols": symbols,
                "activity": activity[: channels.start],
                "deviation": deviation[: channels.stop if p else channels.start],
            }
            out = run_network(head, {name: known[name] for name in head.inputs}, quality)
            scale_idx = derive_scale_idx(scale=networks.to_numpy(out["scale"]))
            mean = networks.to_numpy(out["mean"]) if has_mean else np.zeros_like(symbols)
            # (2) Residual of the coded positions.
            here = present & (phase_of == p)
            coded = here & (scale_idx >= model.skip_threshold)
            residual = np.zeros_like(symbols)
            residual[coded] = source(
                Step(group=k, phase=p, coded=coded, scale_idx=scale_idx, mean=mean, mu=y_hat[channels], step=step)
            )
            # (3) Reconstruction.
            e = np.where(here, derive_deviation(residual=residual, mean=mean, scale_idx=scale_idx, offsets=model.offsets), 0)
            y_hat[channels] = dequantise(mu=y_hat[channels], deviation=e, step=step)
            # (4) What later steps see.
            symbols += np.clip(residual, -SYMBOL_MAX, SYMBOL_MAX)
            seen = np.clip(e, -DEVIATION_MAX, DEVIATION_MAX)
            if has_mean:
                deviation[channels] += seen
            if k + 1 < len(model.groups) or p == 0:
                news = {"state": features, "symbols": np.clip(residual, -SYMBOL_MAX, SYMBOL_MAX)}
                if has_mean:
                    news["deviation"] = seen
                features = run_network(model.updates[k], news, quality)["out"]
            if trace is not None:
                for name, value in (
                    ("scale_idx", scale_idx), ("mask", coded.astype(np.int32)), ("residual", residual),
                    ("mean", mean), ("y_hat", y_hat[channels]),
                ):  # fmt: skip
                    trace(f"group{k}/phase{p}/{name}", value)
        if k + 1 < len(model.groups):
            blurred = run_network(model.activities[k], {"symbols": symbols}, quality)
            activity[channels] = networks.to_numpy(blurred["blur"])
    return y_hat


def step_map(*, steps: I16Map, quality: I32Map) -> I32Map:
    """Look up the quantisation steps (64, C) at a quality plane (h, w); returns (C, h, w), 1/16 units."""
    return steps[quality].transpose(2, 0, 1).astype(np.int32)


@clause("8.4.2")
def derive_scale_idx(*, scale: I32Map) -> I32Map:
    """Turn log2 of the residual's scale, 1/64 octave, into a table index 0 to 79."""
    return np.clip((scale + SCALE_OFFSET) >> SCALE_SHIFT, 0, SCALE_COUNT - 1)


@clause("8.4.3")
def derive_deviation(*, residual: I32Map, mean: I32Map, scale_idx: I32Map, offsets: I32Map) -> I32Map:
    """Add the residual to the mean, drawn towards zero by the offset of its table; 1/32 steps."""
    offset = offsets[scale_idx, np.minimum(np.abs(residual), 2)]
    return mean + DEVIATION_ONE * residual - np.sign(residual) * offset


@clause("8.4.4")
def dequantise(*, mu: I32Map, deviation: I32Map, step: I32Map) -> I32Map:
    """Scale a deviation (1/32 steps) by its step (1/16 units) and add it to the hyper mean (1/2 units)."""
    scaled = (deviation * step + (1 << (STEP_SHIFT - 1))) >> STEP_SHIFT
    return np.clip(mu + scaled, -LATENT_MAX, LATENT_MAX)
