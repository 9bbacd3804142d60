# SPDX-License-Identifier: Apache-2.0
"""Enhancement: from the lossy picture, or from nothing, to samples within max_error of the source.

::

    SOE (tile) --+--> samples of the tile      (point E)
    point S -----+
"""

from collections.abc import Sequence

import numpy as np

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.entropy.rans import SubstreamDecoder, make_decoder
from refdec.errors import ConstraintViolation
from refdec.lossless.samples import Call, SampleFormat, decode_tile_samples
from refdec.lossless.tables import LosslessTables, load_lossless_tables
from refdec.lossless.wave import Grid
from refdec.reconstruction import Region, blank_samples, crop
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import LATENT_STRIDE
from refdec.syntax.segment import EnhancementSegment


def tile_region(header: PictureHeader, tile_idx: int) -> Region:
    """Return the samples of a tile."""
    tile = header.tile(tile_idx)
    x, y = LATENT_STRIDE * tile.left, LATENT_STRIDE * tile.top
    return Region(
        x,
        y,
        min(LATENT_STRIDE * tile.width, header.pic_width - x),
        min(LATENT_STRIDE * tile.height, header.pic_height - y),
    )


def tiles_in(region: Region, header: PictureHeader) -> list[int]:
    """Tiles that overlap a region."""
    return [
        index
        for index in range(header.num_tiles)
        if (tile := tile_region(header, index)).x < region.x + region.width
        and region.x < tile.x + tile.width
        and tile.y < region.y + region.height
        and region.y < tile.y + tile.height
    ]


def bounding_region(tiles: list[int], header: PictureHeader) -> Region:
    """Return the rectangle that a rectangle of tiles covers."""
    first, last = tile_region(header, tiles[0]), tile_region(header, tiles[-1])
    return Region(first.x, first.y, last.x + last.width - first.x, last.y + last.height - first.y)


@clause("12.1")
def enhance_picture(
    *, codestream: Codestream, region: Region, samples: Sequence[I32Map] | None
) -> list[I32Map]:
    """Enhance the tiles of a region whose SOE segments are at hand.

    Parameters
    ----------
    region : a rectangle of whole tiles.
    samples : the lossy picture in the region, by plane group (C, h, w), or None if there is none.

    Returns
    -------
    By plane group, (C, h, w) samples.

    Raises
    ------
    CodestreamError
        A sub-stream is malformed, or a symbol out of range.
    """
    header = codestream.picture_header
    enhanced = (
        blank_samples(header, region, np.int32)
        if samples is None
        else [group.copy() for group in samples]
    )
    for tile_idx in tiles_in(region, header)[: len(codestream.enhancement)]:
        tile = tile_region(header, tile_idx)
        decoded = _decode_tile(
            codestream,
            codestream.enhancement[tile_idx],
            tile,
            None if samples is None else crop(samples, header, region, tile),
        )
        for target, source in zip(crop(enhanced, header, region, tile), decoded, strict=True):
            target[:] = source
    return enhanced


def _decode_tile(
    codestream: Codestream,
    segment: EnhancementSegment,
    tile: Region,
    base: Sequence[I32Map] | None,
) -> list[I32Map]:
    header, tools, tables = (
        codestream.picture_header,
        codestream.tools,
        load_lossless_tables(),
    )
    decoder = make_decoder(
        segment.payload, lanes=header.num_lanes, tables=tables.tables, offset=segment.offset
    )
    sample_format = SampleFormat.of(header, tools.max_error)
    decoded = [
        decode_tile_samples(
            tables=tables,
            sample_format=sample_format,
            grid=Grid(place.height, place.width),
            components=group.num_components,
            base=None if base is None else base[index],
            with_matches=tools.match_flag == 1,
            source=_Symbols(decoder, tables, sample_format, segment.offset),
        )
        for index, group in enumerate(header.plane_groups)
        for place in (tile.subsampled(group),)
    ]
    decoder.finish()
    return decoded


class _Symbols:
    """Source of the decoder: reads the sub-stream and checks the ranges."""

    def __init__(
        self,
        decoder: SubstreamDecoder,
        tables: LosslessTables,
        sample_format: SampleFormat,
        offset: int,
    ) -> None:
        self._decoder, self._tables, self._offset = decoder, tables, offset
        count = sample_format.num_residuals
        self._residual_range = -(count // 2), count - count // 2 - 1

    @clause("12.2.1")
    def __call__(self, call: Call) -> I32Map:
        """Decode the symbols of one call.

        Raises
        ------
        ConstraintViolation
            SOE-005: a match symbol is neither 0 nor 1; SOE-006: a residual is out of range.
        """
        symbols = self._decoder.decode(call.tables)
        if call.low_bits is not None and (split := call.low_bits > 0).any():
            low_bits = call.low_bits[split]
            rest = self._decoder.decode(self._tables.low_tables(low_bits))
            symbols[split] = (symbols[split] << low_bits) + rest
        low, high = (0, 1) if call.component is None else self._residual_range
        if not symbols.size or low <= symbols.min() <= symbols.max() <= high:
            return symbols
        message = f"a symbol is outside {low}..{high}"
        if call.component is None:
            raise ConstraintViolation(
                message, requirement="SOE-005", element="match", offset=self._offset
            )
        raise ConstraintViolation(
            message, requirement="SOE-006", element="residual", offset=self._offset
        )
