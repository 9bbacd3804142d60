# SPDX-License-Identifier: Apache-2.0
"""Latent decoding of one tile: channel groups, two checkerboard phases, integer context networks.

::

      z_hat --> hyper decoder --> state, mu                 (whole picture, cropped to the tile)
                                    |
          transform_idx, where the bases of a tile's latents differ --> state
                                    |
      for each group k, phase p:    v
          head_k_p(state, activity, symbols, deviation) --> scale, mean
          scale --> scale_idx --> probability table --> residual r
          e     = mean + 32 r -+ offset                     (deviation from mu, 1/32 steps)
          y_hat = mu + e * step                             (1/2 units)
          state <-- update_k(state, r, e)
      after group k: activity_k(r); after the last one: y_hat to the basis of the synthesis

The networks see units of the quantisation step, and nothing outside the tile. The same process
encodes: only the source of the residual differs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import BoolMap, I16Map, I32Map
from refdec.clause import clause
from refdec.entropy.block_transform import LATENT_MAX, BlockTransforms
from refdec.entropy.tables import NUM_SCALES
from refdec.errors import ModelError
from refdec.network import Backend, CompiledNetwork, ModelSet, run_network

NUM_PHASES = 2
SCALE_OFFSET = 224
"""Added to the log2 scale (1/64 octave) so that scale index 0 starts at 2**-3.5."""
SCALE_SHIFT = 3
"""1/64 octave to 1/8 octave, the pitch of the scale indices."""
DEVIATION_ONE = 32
"""Fixed-point one of means and deviations: a quantisation step."""
DEVIATION_MAX = 2047
"""Deviations are clipped to this before the context networks see them."""
SYMBOL_MAX = 127
"""Residuals are clipped to this before the context networks see them."""
STEP_SHIFT = 8
"""Deviation (2**-5) times step (2**-4) to latent (2**-1)."""
STEP_MAX = 8128
"""Largest step, 1/16 units: a deviation times a step stays below 2**31, as |residual| <= 8191."""

Trace = Callable[[str, I32Map], None]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is known when the residual of a group and phase is coded; maps are (C, h, w)."""

    group: int
    phase: int
    coded: BoolMap
    """Positions whose residual is in the stream, in C, H, W raster order."""
    scale_idx: I32Map
    """0 to 79; the probability table of each position of the phase."""
    mean: I32Map
    """Predicted deviation from `mu`, 1/32 steps; 0 outside the phase."""
    mu: I32Map
    """Hyper mean, 1/2 units."""
    step: I32Map
    """Quantisation step, 1/16 units."""

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Flat indices (n,) of the coded positions."""
        return np.flatnonzero(self.coded)

    @cached_property
    def tables(self) -> I32Map:
        """Table index of each coded residual, (n,)."""
        return self.scale_idx.reshape(-1)[self.places]


class TileSource(Protocol):
    """What a tile is made of, from the stream or an encoder's choice; asked in coding order."""

    def transform_idx(self, tables: I32Map) -> I32Map:
        """Give the block transform (h * w,) of each position, coded with these tables."""

    def residual(self, step: Step) -> I32Map:
        """Give the residuals (n,) of the coded positions."""


@dataclass(frozen=True, kw_only=True)
class ContextModel:
    """The context networks of a model set, compiled for one backend, and their tables."""

    backend: Backend
    groups: tuple[int, ...]
    """Channels of each group."""
    mean_groups: int
    """Groups, from the first, whose mean is predicted."""
    heads: tuple[CompiledNetwork, ...]
    """``head_k_p`` at 2 k + p."""
    updates: tuple[CompiledNetwork, ...]
    activities: tuple[CompiledNetwork, ...]
    transforms: BlockTransforms
    steps: I16Map
    """(64, C): quantisation step per quality and channel, 1/16 units."""
    offsets: I32Map
    """(80, 3): reconstruction offset by scale index and min(|r|, 2), 1/32 steps."""
    skip_threshold: int
    """Positions of a lower scale index are not coded."""
    luma: BoolMap
    """(C,): channels of the luma component."""

    @classmethod
    def compile(
        cls, model: ModelSet, backend: Backend, *, offsets: I32Map, skip_threshold: int
    ) -> "ContextModel":
        """Prepare the networks of `model`; `offsets` (80, 2) are those for |r| = 1 and beyond.

        Raises
        ------
        ModelError
            NET-017: a quantisation step is out of range; or see `BlockTransforms.compile`.
        """
        groups, steps = tuple(model.metadata["groups"]), model.tables["step"]
        if not 1 <= steps.min() <= steps.max() <= STEP_MAX:
            message = f"quantisation steps shall lie in 1 to {STEP_MAX}"
            raise ModelError(message, requirement="NET-017", element="step")

        def compiled(*names: str) -> tuple[CompiledNetwork, ...]:
            return tuple(backend.compile(model.networks[name]) for name in names)

        count = range(len(groups))
        return cls(
            backend=backend,
            groups=groups,
            mean_groups=model.metadata["mean_groups"],
            heads=compiled(*(f"head_{k}_{p}" for k in count for p in range(NUM_PHASES))),
            updates=compiled(*(f"update_{k}" for k in count)),
            activities=compiled(*(f"activity_{k}" for k in count[:-1])),
            transforms=BlockTransforms.compile(model, backend),
            steps=steps,
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
    source: TileSource,
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
    source : indices of the block transforms, then residuals of each step, in decoding order.
    num_groups : groups to decode; those beyond keep their hyper mean.
    monochrome : only luma channels are coded, the others are zero.

    Returns
    -------
    (C, h, w) latent y_hat, 1/2 units, -4095 to 4095.
    """
    tile = _Tile(model, state, mu, quality, monochrome=monochrome)
    if num_groups:
        tile.choose_transforms(source)
        if trace is not None:
            trace("transform_idx", tile.transform[None])
    for group, channels in list(enumerate(model.slices()))[:num_groups]:
        for phase in range(NUM_PHASES):
            prefix = f"group{group}/phase{phase}/"
            step = tile.predict(group, channels, phase, everywhere=trace is not None)
            if trace is not None:
                trace(prefix + "scale_idx", step.scale_idx)
                trace(prefix + "mask", step.coded.astype(np.int32))
            residual = np.zeros_like(step.scale_idx)
            residual.reshape(-1)[step.places] = source.residual(step)
            if trace is not None:
                trace(prefix + "residual", residual)
            tile.reconstruct(step, channels, residual)
            if trace is not None:
                trace(prefix + "mean", step.mean)
                trace(prefix + "y_hat", tile.y_hat[channels])
        tile.finish_group(group, channels)
    y_hat = model.transforms.inverse(y_hat=tile.y_hat, transform=tile.transform)
    if trace is not None:
        trace("y_hat", y_hat)
    return y_hat


class _Tile:
    """Variables of the process while a tile is decoded; maps are (C, h, w), zero where unknown."""

    def __init__(
        self, model: ContextModel, state: I32Map, mu: I32Map, quality: I32Map, *, monochrome: bool
    ) -> None:
        h, w = quality.shape
        self.model, self.quality = model, quality
        self.y_hat = np.zeros((sum(model.groups), h, w), np.int32)
        self.y_hat[: len(mu)] = mu
        self.present = model.luma | (not monochrome)
        self.y_hat[~self.present] = 0
        self.state = model.backend.from_numpy(state)
        self.transform = np.zeros((h, w), np.int32)
        self.indicators = model.transforms.indicators(self.transform)
        self.symbols = model.backend.from_numpy(self.y_hat[:0])
        """Of the group at hand; the other tensors are of all groups."""
        self.activity = model.backend.from_numpy(np.zeros_like(self.y_hat))
        self.deviation = model.backend.from_numpy(np.zeros_like(mu))
        board = (np.arange(h)[:, None] + np.arange(w)) % NUM_PHASES
        self.boards = [board == phase for phase in range(NUM_PHASES)]

    def choose_transforms(self, source: TileSource) -> None:
        """(0) Decode the block transform of each position, and tell the state."""
        transforms = self.model.transforms
        tables = transforms.index_tables(state=self.state, quality=self.quality)
        self.transform = source.transform_idx(tables).reshape(self.transform.shape)
        self.indicators = transforms.indicators(self.transform)
        news = {"state": self.state, "transform": self.indicators}
        self.state = run_network(transforms.update, news)["out"]

    def predict(self, group: int, channels: slice, phase: int, *, everywhere: bool) -> Step:
        """(1) Run the head network: scale index and mean of one group and phase.

        Positions of the other phase have a scale index only if it is wanted `everywhere`.
        """
        known = {
            "state": self.state,
            "transform": self.indicators,
            "symbols": self.symbols,
            "activity": self.activity[: channels.start],
            "deviation": self.deviation[: channels.stop if phase else channels.start],
        }
        head, board = self.model.heads[NUM_PHASES * group + phase], self.boards[phase]
        # A tile of one position has none of the second phase.
        places = np.flatnonzero(board | (everywhere or not board.any()))
        inputs = {name: known[name] for name in head.inputs}
        out = run_network(head, inputs, self.quality, places=places)
        found = {name: self.model.backend.to_numpy(tensor) for name, tensor in out.items()}
        scale_idx, mean = np.zeros((2, *self.y_hat[channels].shape), np.int32)
        scale_idx.reshape(len(scale_idx), -1)[:, places] = derive_scale_idx(scale=found["scale"])[
            :, 0
        ]
        if "mean" in found:
            mean.reshape(len(mean), -1)[:, places] = found["mean"][:, 0]
        here = self.present[channels, None, None] & board
        return Step(
            group=group,
            phase=phase,
            coded=here & (scale_idx >= self.model.skip_threshold),
            scale_idx=scale_idx,
            mean=mean * here,
            mu=self.y_hat[channels],
            step=step_map(steps=self.model.steps[:, channels], quality=self.quality),
        )

    def reconstruct(self, step: Step, channels: slice, residual: I32Map) -> None:
        """(2) Reconstruct from the residual; (3) tell the state what was decoded."""
        backend, has_mean = self.model.backend, step.group < self.model.mean_groups
        # Without a mean nothing changes where nothing is coded.
        at = slice(None) if has_mean else step.places
        deviation = derive_deviation(
            residual=residual.reshape(-1)[at],
            mean=step.mean.reshape(-1)[at],
            scale_idx=step.scale_idx.reshape(-1)[at],
            offsets=self.model.offsets,
        )
        y_hat = self.y_hat[channels].reshape(-1)
        y_hat[at] = dequantise(mu=y_hat[at], deviation=deviation, step=step.step.reshape(-1)[at])
        symbols = backend.from_numpy(np.clip(residual, -SYMBOL_MAX, SYMBOL_MAX))
        self.symbols = self.symbols + symbols if step.phase else symbols
        news = {"state": self.state, "symbols": symbols}
        if has_mean:
            deviation = np.clip(deviation, -DEVIATION_MAX, DEVIATION_MAX)
            news["deviation"] = backend.from_numpy(deviation.reshape(residual.shape))
            self.deviation[channels] += news["deviation"]
        if (step.group, step.phase) != (len(self.model.groups) - 1, NUM_PHASES - 1):
            self.state = run_network(self.model.updates[step.group], news, self.quality)["out"]

    def finish_group(self, group: int, channels: slice) -> None:
        """(4) Blur the magnitudes of a whole group, for the groups that follow."""
        if group < len(self.model.activities):
            symbols = {"symbols": self.symbols}
            out = run_network(self.model.activities[group], symbols, self.quality)
            self.activity[channels] = out["blur"]


def step_map(*, steps: I16Map, quality: I32Map) -> I32Map:
    """Look up quantisation steps (64, C) at a quality plane (h, w); (C, h, w), 1/16 units."""
    return steps.T.take(quality, axis=1).astype(np.int32)


@clause("8.4.2")
def derive_scale_idx(*, scale: I32Map) -> I32Map:
    """Turn log2 of the residual's scale, 1/64 octave, into a table index 0 to 79."""
    scale_idx: I32Map = np.clip((scale + SCALE_OFFSET) >> SCALE_SHIFT, 0, NUM_SCALES - 1)
    return scale_idx


@clause("8.4.3")
def derive_deviation(
    *, residual: I32Map, mean: I32Map, scale_idx: I32Map, offsets: I32Map
) -> I32Map:
    """Add the residual, drawn towards zero by the offset of its table, to the mean; 1/32 steps."""
    deviation: I32Map = mean + DEVIATION_ONE * residual
    places = np.flatnonzero(residual)
    decoded = residual.reshape(-1)[places]
    offset = offsets[scale_idx.reshape(-1)[places], np.minimum(np.abs(decoded), 2)]
    deviation.reshape(-1)[places] -= np.sign(decoded) * offset
    return deviation


@clause("8.4.4")
def dequantise(*, mu: I32Map, deviation: I32Map, step: I32Map) -> I32Map:
    """Scale a deviation (1/32 steps) by its step (1/16 units), add it to the hyper mean, clip.

    The result is in 1/2 units.
    """
    scaled = (deviation * step + (1 << (STEP_SHIFT - 1))) >> STEP_SHIFT
    return np.clip(mu + scaled, -LATENT_MAX, LATENT_MAX).astype(np.int32)
