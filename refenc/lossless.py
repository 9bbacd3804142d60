# SPDX-License-Identifier: Apache-2.0
"""Encoder of the lossless tool: answers the decoding process with what the picture asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from refdec.arrays import I32Map, I64Map
from refdec.enhancement import tile_region
from refdec.lossless.samples import Call, SampleFormat, decode_tile_samples, split_residual
from refdec.lossless.tables import LosslessTables, load_lossless_tables
from refdec.lossless.wave import Grid
from refdec.picture import Picture
from refdec.reconstruction import crop, whole_picture
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import PlaneGroup
from refdec.syntax.segment import (
    DEFAULT_TOOL_HEADER,
    EnhancementSegment,
    SynthesisTransform,
    ToolHeader,
)
from refenc.rans import encode_substream

MATCH_SHARE = 0.3
"""Matches are looked for where so many pixels equal their left or upper neighbour."""


class SampleSource:
    """Source of the encoder: chooses residuals and keeps them."""

    def __init__(
        self, grid: Grid, samples: I32Map, sample_format: SampleFormat, tables: LosslessTables
    ) -> None:
        self._tables = tables
        self._format, components = sample_format, samples.shape[0]
        self._order = sample_format.order(components)
        self._samples = np.zeros((components, grid.size), np.int64)
        grid.inside(self._samples)[:] = samples
        self.calls: list[tuple[I64Map, I32Map]] = []

    def __call__(self, call: Call) -> I32Map:
        """Answer one call."""
        symbols = self._misses(call) if call.component is None else self._residuals(call)
        if call.low_bits is None or not (split := call.low_bits > 0).any():
            self.calls.append((call.tables, symbols))
            return symbols
        high, low = split_residual(symbols.astype(np.int64), call.low_bits)
        tables = self._tables.low_tables(call.low_bits[split])
        self.calls.append((call.tables, high.astype(np.int32)))
        self.calls.append((tables, low[split].astype(np.int32)))
        return symbols

    def _misses(self, call: Call) -> I32Map:
        """1 where an expected colour (n) is not close enough, else 0."""
        miss = np.zeros(call.positions.size, np.bool_)
        expected = call.prediction
        for component in reversed(self._order):
            wanted = self._samples[component, call.positions]
            sample = np.clip(
                expected & self._format.mask, self._format.minimum, self._format.maximum
            )
            miss |= np.abs(sample - wanted) > self._format.max_error
            expected = expected >> self._format.bit_depth
        return miss.astype(np.int32)

    def _residuals(self, call: Call) -> I32Map:
        """Quantise the prediction errors and fold them into the range of residuals."""
        step, count = self._format.step, self._format.num_residuals
        component = self._order[0] if call.component is None else call.component
        error = self._samples[component, call.positions] - call.prediction
        quantised = np.sign(error) * ((np.abs(error) + self._format.max_error) // step)
        residual: I32Map = ((quantised + count // 2) % count - count // 2).astype(np.int32)
        return residual


def encode_tile_samples(
    samples: I32Map,
    *,
    sample_format: SampleFormat,
    base: I32Map | None,
    with_matches: bool,
    tables: LosslessTables,
) -> tuple[list[tuple[I64Map, I32Map]], I32Map]:
    """Choose the symbols of one tile.

    Returns
    -------
    The calls of its sub-stream, and (C, height, width) what a decoder will have.
    """
    components, height, width = samples.shape
    grid = Grid(height, width)
    source = SampleSource(grid, samples, sample_format, tables)
    decoded = decode_tile_samples(
        tables=tables,
        sample_format=sample_format,
        grid=grid,
        components=components,
        base=base,
        with_matches=with_matches,
        source=source,
    )
    return source.calls, decoded


def encode_tiles(
    samples: Sequence[I32Map],
    *,
    header: PictureHeader,
    plane_groups: Sequence[PlaneGroup],
    sample_format: SampleFormat,
    base: Sequence[I32Map] | None,
    with_matches: bool,
) -> tuple[list[bytes], list[I32Map]]:
    """Code samples (C, h, w) of plane groups tile by tile.

    Returns the payloads and what a decoder will have.
    """
    whole, tables, payloads = whole_picture(header), load_lossless_tables(), []
    decoded = [planes.copy() for planes in samples]
    for tile_idx in range(header.num_tiles):
        tile, calls = tile_region(header, tile_idx), []
        bases = [None] * len(samples) if base is None else crop(base, plane_groups, whole, tile)
        for source, target, group_base in zip(
            crop(samples, plane_groups, whole, tile),
            crop(decoded, plane_groups, whole, tile),
            bases,
            strict=True,
        ):
            added, target[:] = encode_tile_samples(
                source,
                sample_format=sample_format,
                base=group_base,
                with_matches=with_matches,
                tables=tables,
            )
            calls += added
        payloads.append(encode_substream(calls, lanes=header.num_lanes, tables=tables.tables))
    return payloads, decoded


def has_repetition(samples: I32Map) -> bool:
    """Tell whether enough pixels equal their left or upper neighbour."""
    return repeated_share(samples) > MATCH_SHARE


def repeated_share(samples: I32Map) -> float:
    """Return the share of the pixels that equal their left or upper neighbour."""
    left = (samples[:, 1:, 1:] == samples[:, 1:, :-1]).all(axis=0)
    above = (samples[:, 1:, 1:] == samples[:, :-1, 1:]).all(axis=0)
    return float((left | above).mean()) if left.size else 0.0


@dataclass(frozen=True, kw_only=True)
class Enhancement:
    """What the enhancement adds to a codestream, and what a decoder will have."""

    tool_header: ToolHeader
    segments: tuple[EnhancementSegment, ...]
    picture: Picture


def encode_enhancement(
    picture: Picture,
    *,
    header: PictureHeader,
    lossy: Picture | None,
    max_error: int,
    with_matches: bool | None = None,
) -> Enhancement:
    """Code samples within `max_error`, on top of a lossy picture or of none.

    `with_matches` is whether repeated pixels are coded as matches; None looks for them.
    """
    samples = [group.astype(np.int32) for group in picture.groups]
    if with_matches is None:
        with_matches = lossy is None and has_repetition(samples[0])
    payloads, decoded = encode_tiles(
        samples,
        header=header,
        plane_groups=header.plane_groups,
        sample_format=SampleFormat.of(header, max_error),
        base=None if lossy is None else [group.astype(np.int32) for group in lossy.groups],
        with_matches=with_matches,
    )
    return Enhancement(
        tool_header=replace(
            DEFAULT_TOOL_HEADER,
            num_synthesis_minus1=0,
            synthesis_transform_idc=(SynthesisTransform.BASE,),
            enhancement_flag=1,
            base_flag=int(lossy is not None),
            base_transform_idc=0 if lossy is None else SynthesisTransform.BASE,
            match_flag=int(with_matches),
            max_error=max_error,
        ),
        segments=tuple(
            EnhancementSegment(tile_idx=tile_idx, payload=payload)
            for tile_idx, payload in enumerate(payloads)
        ),
        picture=Picture.of(header, decoded),
    )
