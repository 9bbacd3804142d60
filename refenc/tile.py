# SPDX-License-Identifier: Apache-2.0
"""Tiles in the encoder: it runs the decoding process and answers what a decoder would read."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map
from refdec.codec import Codec
from refdec.entropy.context import ContextModel, Step, decode_tile_latent, step_map
from refdec.syntax.picture_header import PictureHeader
from refenc.block_transform import EAGER, choose_transforms, forward
from refenc.quantise import Quantiser

F32 = NDArray[np.float32]
Call = tuple[I32Map, I32Map]
"""Table index and value of each symbol of one call of the entropy coder."""
INDEX_BITS = 4.0
"""What the index of another block transform than the first costs where both were tried."""


class Source(NamedTuple):
    """What there is to code, of a picture or a tile; maps are (C, h, w) or (h, w)."""

    y: F32
    """Latent, in the basis of block transform 0."""
    state: I32Map
    mu: I32Map
    quality: I32Map
    masking: I32Map
    """Class of visual masking."""

    def tile(self, rows: slice, columns: slice) -> "Source":
        """Cut a tile out."""
        here = ..., rows, columns
        return Source(
            np.ascontiguousarray(self.y[here]),
            np.ascontiguousarray(self.state[here]),
            np.ascontiguousarray(self.mu[here]),
            np.ascontiguousarray(self.quality[here]),
            np.ascontiguousarray(self.masking[here]),
        )


@dataclass
class TileCalls:
    """What a tile's sub-streams hold: the calls of each group, and that of the block transforms."""

    groups: list[list[Call]]
    transform: Call | None = None

    def of(self, groups: range) -> list[Call]:
        """Return the calls of the layer of these groups, in coding order."""
        first = [self.transform] if self.transform is not None and 0 in groups else []
        return first + [call for group in groups for call in self.groups[group]]


@dataclass(frozen=True)
class Quantised:
    """A picture as it was coded."""

    y_hat: I32Map
    tiles: list[TileCalls]
    transform: I32Map
    """(h16, w16): block transforms."""
    cost: F32
    """(h16, w16): bits of the residual, and the error in bits."""


def quantised(
    source: Source,
    header: PictureHeader,
    codec: Codec,
    quantiser: Quantiser,
    transform: I32Map | None = None,
    *,
    eager: bool = False,
) -> Quantised:
    """Quantise a picture tile by tile.

    Parameters
    ----------
    transform : (h16, w16), block transforms; None chooses them.
    eager : choose another block transform than the first even where it promises little.
    """
    y_hat = np.zeros(source.y.shape, np.int32)
    tiles: list[TileCalls] = []
    taken, cost = np.zeros_like(source.quality), np.zeros(source.quality.shape, np.float32)
    for tile_idx in range(header.num_tiles):
        rows, columns = header.tile(tile_idx).slices
        tile = source.tile(rows, columns)
        given = None if transform is None else transform[rows, columns]
        recorder = Recorder(codec.context, quantiser, tile, given, eager=eager)
        y_hat[:, rows, columns] = decode_tile_latent(
            model=codec.context,
            state=tile.state,
            mu=tile.mu,
            quality=tile.quality,
            source=recorder,
            num_groups=len(codec.context.groups),
            monochrome=bool(header.monochrome_flag),
        )
        taken[rows, columns] = recorder.transform
        cost[rows, columns] = recorder.cost(y_hat[:, rows, columns])
        tiles.append(recorder.calls)
    return Quantised(y_hat, tiles, taken, cost)


def compared_transforms(
    source: Source, header: PictureHeader, codec: Codec, quantiser: Quantiser
) -> I32Map:
    """Code a picture with the first block transform, and with others where they promise anything.

    Returns the block transforms (h16, w16) that cost less at each position.
    """
    first = quantised(source, header, codec, quantiser, np.zeros_like(source.quality))
    other = quantised(source, header, codec, quantiser, eager=True)
    better = first.cost - other.cost > INDEX_BITS
    return np.where(better, other.transform, 0).astype(np.int32)


class Recorder:
    """Source of the decoding process that chooses towards a latent, and keeps what it chose."""

    def __init__(
        self,
        model: ContextModel,
        quantiser: Quantiser,
        tile: Source,
        transform: I32Map | None = None,
        *,
        eager: bool = False,
    ) -> None:
        self.transforms, self.quantiser, self.tile = model.transforms, quantiser, tile
        self.transform = np.zeros_like(tile.quality) if transform is None else transform
        self.is_given, self.bias = transform is not None, EAGER if eager else 0.0
        self.slices, self.y = list(model.slices()), tile.y
        self.step = step_map(steps=model.steps, quality=tile.quality)
        self.calls = TileCalls([[] for _ in self.slices])
        self.bits = np.zeros(tile.quality.size)
        """(h * w,): of the residual."""

    def transform_idx(self, tables: I32Map) -> I32Map:
        """Choose the block transforms, and turn the latent into their bases."""
        if not self.is_given:
            self.transform = choose_transforms(
                self.transforms,
                self.y,
                step=self.step,
                weight=self.quantiser.weights[self.tile.masking],
                tables=tables,
                bias=self.bias,
            )
        self.y = forward(self.transforms, self.y, self.transform)
        self.calls.transform = self.transforms.call(tables, self.transform.ravel())
        return self.transform.ravel()

    def residual(self, step: Step) -> I32Map:
        """Quantise one group and phase."""
        target = self.y[self.slices[step.group]]
        residual = self.quantiser.residual(step, target, self.tile.masking)
        self.calls.groups[step.group].append((step.tables, residual))
        places = step.places % self.bits.size
        bits = self.quantiser.symbol_bits(step.tables, residual)
        self.bits += np.bincount(places, bits, self.bits.size)
        return residual

    def cost(self, y_hat: I32Map) -> F32:
        """Return bits, and the error of `y_hat` (C, h, w) in bits, of each position (h, w)."""
        error = (self.tile.y - y_hat * np.float32(0.5)) * (np.float32(16) / self.step)
        weight = self.quantiser.weights[self.tile.masking]
        cost: F32 = weight * np.square(error).sum(axis=0) + self.bits.reshape(weight.shape)
        return cost.astype(np.float32)
