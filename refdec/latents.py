# SPDX-License-Identifier: Apache-2.0
"""Latent decoding: segments to y_hat, conformance point L. No synthesis is run."""

from collections import deque
from collections.abc import Collection, Iterator
from itertools import groupby

import numpy as np

from refdec.arrays import I16Map, I32Map
from refdec.clause import clause
from refdec.codec import Codec
from refdec.entropy.context import Trace, decode_tile_latent
from refdec.entropy.hyper_latent import (
    decode_hyper_features,
    decode_hyper_latent,
    hyper_lanes,
)
from refdec.entropy.quality_map import MAP_LANES, decode_quality_map, derive_quality
from refdec.entropy.rans import make_decoder
from refdec.entropy.residual import LayeredSubstreams
from refdec.entropy.tables import load_residual_tables
from refdec.picture import Latents
from refdec.syntax.codestream import Codestream


def quality_plane(codestream: Codestream) -> I32Map:
    """Quality index of each latent position, (h16, w16)."""
    header, segment = codestream.picture_header, codestream.quality_map
    if segment is None:
        return np.full((header.h16, header.w16), header.quality_idx, np.int32)
    decoder = make_decoder(
        segment.payload,
        lanes=MAP_LANES,
        tables=load_residual_tables().tables,
        offset=segment.offset,
    )
    offsets = decode_quality_map(
        decoder=decoder,
        table=segment.map_scale_idx,
        h16=header.h16,
        w16=header.w16,
        offset=segment.offset,
    )
    return derive_quality(quality_idx=header.quality_idx, offsets=offsets)


@clause("8.1")
def decode_latent_planes(
    *,
    codestream: Codestream,
    codec: Codec,
    num_layers: int,
    tiles: Collection[int],
    trace: Trace | None = None,
) -> Latents:
    """Decode z_hat of the whole picture, then y_hat tile by tile.

    Parameters
    ----------
    num_layers : residual layers to decode, from the first; 0 leaves the hyper mean alone.
    tiles : tiles to decode; the latent of the others is zero.

    Raises
    ------
    CodestreamError
        An entropy-coded sub-stream is malformed.
    """
    header = codestream.picture_header
    z_hat = _hyper_latent(codestream, codec)
    if trace is not None:
        trace("z_hat", z_hat)
    quality = quality_plane(codestream)
    if trace is not None:
        trace("quality", quality[None])
    y_hat = np.zeros((sum(codec.context.groups), header.h16, header.w16), np.int16)
    for rows, columns, band in _bands(codestream, codec, num_layers, tiles, z_hat, quality, trace):
        y_hat[:, rows, columns] = band
    return Latents(
        y_hat=y_hat,
        z_hat=z_hat,
        quality=quality,
        step=codec.context.steps[header.quality_idx].astype(np.int32),
        model_set_idc=header.model_set_idc,
    )


class LatentBands:
    """The latent of a picture, decoded row of tiles by row of tiles as it is asked for.

    It is indexed as `Latents.y_hat` is, by channels, rows and columns, from the top down: what lies
    above the rows of one access is forgotten. Parameters and errors as `decode_latent_planes`.
    """

    def __init__(
        self, *, codestream: Codestream, codec: Codec, num_layers: int, tiles: Collection[int]
    ) -> None:
        self.quality = quality_plane(codestream)
        z_hat = _hyper_latent(codestream, codec)
        self._source = _bands(codestream, codec, num_layers, tiles, z_hat, self.quality, None)
        self._bands: deque[tuple[slice, slice, I16Map]] = deque()

    def __getitem__(self, window: tuple[slice, slice, slice]) -> I16Map:
        """Decode as far as needed and copy a window, which shall be in the tiles."""
        channels, rows, columns = window
        while self._bands and self._bands[0][0].stop <= rows.start:
            self._bands.popleft()
        if self._bands and self._bands[0][0].start < rows.start:
            above, across, band = self._bands.popleft()
            rest = band[:, rows.start - above.start :].copy()
            self._bands.appendleft((slice(rows.start, above.stop), across, rest))
        while not self._bands or self._bands[-1][0].stop < rows.stop:
            self._bands.append(next(self._source))
        return np.concatenate(
            [
                band[
                    channels,
                    max(rows.start - at.start, 0) : rows.stop - at.start,
                    _moved(columns, -across.start),
                ]
                for at, across, band in self._bands
            ],
            axis=1,
        )


def _moved(columns: slice, by: int) -> slice:
    return slice(columns.start + by, columns.stop + by)


def _bands(
    codestream: Codestream,
    codec: Codec,
    num_layers: int,
    tiles: Collection[int],
    z_hat: I32Map,
    quality: I32Map,
    trace: Trace | None,
) -> Iterator[tuple[slice, slice, I16Map]]:
    """Decode rows of tiles from the top down: latent rows, columns, and y_hat (C, h, w) there."""
    header = codestream.picture_header
    layers = header.layer_groups(len(codec.context.groups))[:num_layers]
    placed = [(index, *header.tile(index).slices) for index in sorted(tiles)]
    for _, row in groupby(placed, key=lambda tile: tile[1].start):
        band_tiles = list(row)
        rows, across = band_tiles[0][1], slice(band_tiles[0][2].start, band_tiles[-1][2].stop)
        state, mu = decode_hyper_features(
            network=codec.hyper, z_hat=z_hat, quality=quality, window=(rows, across)
        )
        height, width = rows.stop - rows.start, across.stop - across.start
        band = np.zeros((sum(codec.context.groups), height, width), np.int16)
        for tile_idx, _, columns in band_tiles:
            inside = _moved(columns, -across.start)
            band[:, :, inside] = decode_tile_latent(
                model=codec.context,
                state=np.ascontiguousarray(state[:, :, inside]),
                mu=np.ascontiguousarray(mu[:, :, inside]),
                quality=np.ascontiguousarray(quality[rows, columns]),
                source=_substreams(codestream, codec, layers, tile_idx),
                num_groups=layers[-1].stop if layers else 0,
                monochrome=bool(header.monochrome_flag),
                trace=prefixed(trace, f"tile{tile_idx}/"),
            )
        yield rows, across, band


def _hyper_latent(codestream: Codestream, codec: Codec) -> I32Map:
    header, segment = codestream.picture_header, codestream.hyper_latent
    if segment is None:
        message = "the codestream has no hyper-latent"
        raise ValueError(message)
    channels = len(codec.hyper_tables.bounds)
    decoder = make_decoder(
        segment.payload,
        lanes=hyper_lanes(channels * header.h64 * header.w64),
        tables=codec.hyper_tables,
        offset=segment.offset,
    )
    return decode_hyper_latent(
        decoder=decoder,
        channels=channels,
        h64=header.h64,
        w64=header.w64,
        offset=segment.offset,
    )


def _substreams(
    codestream: Codestream, codec: Codec, layers: tuple[range, ...], tile: int
) -> LayeredSubstreams:
    header, tables = codestream.picture_header, codec.tile_tables
    segments = codestream.residual[tile :: header.num_tiles][: len(layers)]
    decoders = [
        make_decoder(s.payload, lanes=header.num_lanes, tables=tables, offset=s.offset)
        for s in segments
    ]
    offsets = [s.offset for s in segments]
    return LayeredSubstreams(layers, decoders, offsets, codec.context.transforms.num_transforms)


def prefixed(trace: Trace | None, prefix: str) -> Trace | None:
    """Put `prefix` before the names of control points."""
    if trace is None:
        return None
    return lambda name, value: trace(prefix + name, value)
