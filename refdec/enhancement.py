# SPDX-License-Identifier: Apache-2.0
"""The lossless tool's tiles: enhancement of the samples, and alpha.

::

    SOE (tile) --+--> samples of the tile, within max_error of the source   (point E)
    point S -----+
    SOA (tile) -----> alpha of the tile                                     (point A)
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
from refdec.reconstruction import Region, crop, filled_planes
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import LATENT_STRIDE, SINGLE_PLANE, PlaneGroup
from refdec.syntax.segment import AlphaSegment, EnhancementSegment


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
    return [i for i in range(header.num_tiles) if region.intersection(tile_region(header, i))]


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
    header, tools = codestream.picture_header, codestream.tools
    start = samples or filled_planes(header.plane_groups, region, header.sample_range[0], np.int32)
    return _decode_tiles(
        header,
        codestream.enhancement,
        region,
        SampleFormat.of(header, tools.max_error),
        plane_groups=header.plane_groups,
        start=start,
        has_base=samples is not None,
        with_matches=tools.match_flag == 1,
    )


@clause("12.11")
def decode_alpha(*, codestream: Codestream, region: Region) -> I32Map:
    """Decode alpha in a region; where SOA segments are not at hand it is opaque.

    Returns
    -------
    (height, width), 0 to 2**alpha_bit_depth - 1.

    Raises
    ------
    CodestreamError
        A sub-stream is malformed, or a symbol out of range.
    """
    header, tools = codestream.picture_header, codestream.tools
    sample_format = SampleFormat(bit_depth=tools.alpha_bit_depth, max_error=0)
    covered = bounding_region(tiles_in(region, header), header)
    (decoded,) = _decode_tiles(
        header,
        codestream.alpha,
        covered,
        sample_format,
        plane_groups=SINGLE_PLANE,
        start=filled_planes(SINGLE_PLANE, covered, sample_format.maximum, np.int32),
        has_base=False,
        with_matches=tools.alpha_match_flag == 1,
    )
    alpha: I32Map = decoded[0][region.inside(covered)]
    return alpha


def _decode_tiles(
    header: PictureHeader,
    segments: Sequence[AlphaSegment | EnhancementSegment],
    region: Region,
    sample_format: SampleFormat,
    *,
    plane_groups: Sequence[PlaneGroup],
    start: Sequence[I32Map],
    has_base: bool,
    with_matches: bool,
) -> list[I32Map]:
    """Decode the tiles of a region whose segments are at hand.

    Parameters
    ----------
    start : by plane group (C, h, w), the base where there is one; what the other tiles show.
    """
    decoded, tables = [planes.copy() for planes in start], load_lossless_tables()
    for tile_idx in tiles_in(region, header):
        if tile_idx >= len(segments):
            break
        segment, tile = segments[tile_idx], tile_region(header, tile_idx)
        decoder = make_decoder(
            segment.payload, lanes=header.num_lanes, tables=tables.tables, offset=segment.offset
        )
        source = _Symbols(decoder, tables, sample_format, segment.offset)
        bases = crop(start, plane_groups, region, tile)
        for target, base in zip(crop(decoded, plane_groups, region, tile), bases, strict=True):
            components, height, width = target.shape
            target[:] = decode_tile_samples(
                tables=tables,
                sample_format=sample_format,
                grid=Grid(height, width),
                components=components,
                base=base if has_base else None,
                with_matches=with_matches,
                source=source,
            )
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
