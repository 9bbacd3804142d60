# SPDX-License-Identifier: Apache-2.0
"""Invalid streams of the lossless tool: tool header, enhancement and alpha segments."""

from dataclasses import replace
from functools import cache

import numpy as np

from conformance.recipes.faults import invalid, set_element
from conformance.recipes.pictures import noise
from refdec.arrays import I32Map
from refdec.lossless.samples import Call, SampleFormat, decode_tile_samples
from refdec.lossless.tables import load_lossless_tables
from refdec.lossless.wave import Grid
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import MAX_ERROR, HyperLatentSegment
from refenc.alpha import Alpha, add_alpha
from refenc.codestream import write_codestream
from refenc.encode import Structure, encode
from refenc.exact import encode_exact
from refenc.lossless import SampleSource
from refenc.rans import encode_substream

FLAT = np.full((1, 6, 7), 90, np.uint8)


@cache
def lossless() -> bytes:
    """Return a lossless picture of two tiles, without lossy base."""
    return encode_exact(noise(80, 20), structure=Structure(tile_size=64))


@cache
def with_alpha() -> bytes:
    """Return the lossless picture with alpha."""
    return add_alpha(lossless(), Alpha(samples=noise(80, 20)[2]))


@cache
def lossy_with_alpha() -> bytes:
    """Return a flat lossy picture with alpha."""
    flat = np.full((1, 8, 8), 90, np.uint8)
    return add_alpha(encode(flat, quality=0), Alpha(samples=flat[0]))


def in_main(data: bytes) -> bytes:
    """Declare profile Main."""
    return set_element(data, "profile_idc", Profile.MAIN, segment="PIH")


@cache
def over_base() -> bytes:
    """Return a flat picture that is lossless over a lossy base."""
    return encode_exact(np.full((3, 16, 16), 90, np.uint8), base_quality=20)


def written(stream: Codestream) -> bytes:
    """Write a stream that breaks a requirement."""
    return write_codestream(stream, check=False)


def _largest_error() -> bytes:
    return written(_with_error(MAX_ERROR))


def _error_beyond() -> bytes:
    return written(_with_error(MAX_ERROR + 1))


def _with_error(max_error: int) -> Codestream:
    samples = np.full((1, 5, 7), 128, np.uint8)
    stream = parse_codestream(encode_exact(samples, max_error=MAX_ERROR))
    header = stream.tool_header
    return replace(stream, tool_header=header and replace(header, max_error=max_error))


def _with_tiles(*tiles: int) -> bytes:
    stream = parse_codestream(lossless())
    segments = tuple(
        replace(segment, tile_idx=tile)
        for segment, tile in zip(stream.enhancement, tiles, strict=False)
    )
    return written(replace(stream, enhancement=segments))


def _with_alpha_tiles(*tiles: int) -> bytes:
    stream = parse_codestream(with_alpha())
    segments = tuple(
        replace(segment, tile_idx=tile) for segment, tile in zip(stream.alpha, tiles, strict=False)
    )
    return written(replace(stream, alpha=segments))


def _with_hyper_latent() -> bytes:
    stream = parse_codestream(lossless())
    return written(replace(stream, hyper_latent=HyperLatentSegment(payload=b"")))


@cache
def matching() -> bytes:
    """Return a flat lossless picture with matches, of one lane."""
    return encode_exact(FLAT, structure=Structure(log2_lanes=0), with_matches=True)


def _with_symbol(value: int, *, is_match: bool) -> bytes:
    """Code another symbol in place of the first match, or the first residual, of `matching`."""
    stream, tables = parse_codestream(matching()), load_lossless_tables()
    places: list[int] = []

    class Source(SampleSource):
        def __call__(self, call: Call) -> I32Map:
            if (call.component is None) == is_match:
                places.append(len(self.calls))
            return super().__call__(call)

    sample_format = SampleFormat.of(stream.picture_header, 0)
    grid = Grid(*FLAT.shape[1:])
    source = Source(grid, FLAT.astype(np.int32), sample_format, tables)
    decode_tile_samples(
        tables=tables, sample_format=sample_format, grid=grid, components=len(FLAT), base=None,
        with_matches=True, source=source,
    )  # fmt: skip
    calls = list(source.calls)
    place = next(place for place in places if calls[place][1].size)
    indices, symbols = calls[place]
    changed = symbols.copy()
    changed[0] = value
    calls[place] = indices, changed
    (segment,) = stream.enhancement
    payload = encode_substream(calls, lanes=1, tables=tables.tables)
    return written(replace(stream, enhancement=(replace(segment, payload=payload),)))


RECIPES = (
    invalid(
        "match", "a match symbol of 2", "SOE-005",
        sound=matching, broken=lambda: _with_symbol(2, is_match=True), element="SOE.match",
    ),
    invalid(
        "above", "a residual of 128 between samples of 8 bits", "SOE-006",
        sound=matching, broken=lambda: _with_symbol(128, is_match=False), element="SOE.residual",
    ),
    invalid(
        "below", "a residual of -129 between samples of 8 bits", "SOE-006",
        sound=matching, broken=lambda: _with_symbol(-129, is_match=False), element="SOE.residual",
    ),
    invalid(
        "23-bits", "alpha of 23 bits", "TOH-008",
        sound=with_alpha, element="TOH.alpha_bit_depth_minus8", is_value=True,
        broken=lambda: set_element(with_alpha(), "alpha_bit_depth_minus8", 15, segment="TOH"),
    ),
    invalid(
        "reserved", "the lossy picture is of transform 3, which is reserved", "TOH-005",
        sound=over_base, element="TOH.base_transform_idc", is_value=True,
        broken=lambda: set_element(over_base(), "base_transform_idc", 3, segment="TOH"),
    ),
    invalid(
        "beyond", "the largest error is one too large", "TOH-006",
        sound=_largest_error, broken=_error_beyond, element="TOH.max_error",
    ),
    invalid(
        "beyond", "a tile index equal to the number of tiles", "SOE-001",
        sound=lossless, broken=lambda: _with_tiles(0, 2), element="SOE.tile_idx",
    ),
    invalid(
        "twice", "the first tile twice", "SOE-002",
        sound=lossless, broken=lambda: _with_tiles(0, 0), element="SOE.tile_idx",
    ),
    invalid(
        "missing", "the second tile is missing", "SOE-003",
        sound=lossless, broken=lambda: _with_tiles(0), element="SOE",
    ),
    invalid(
        "hyper-latent", "a hyper-latent although there is no lossy base", "SOE-004",
        sound=lossless, broken=_with_hyper_latent, element="SOZ",
    ),
    invalid(
        "main", "lossless samples in profile Main", "PRF-003",
        sound=lossless, element="PIH.profile_idc", is_value=True,
        broken=lambda: in_main(lossless()),
    ),
    invalid(
        "main", "alpha of a lossy picture in profile Main", "PRF-004",
        sound=lossy_with_alpha, element="PIH.profile_idc", is_value=True,
        broken=lambda: in_main(lossy_with_alpha()),
    ),
    invalid(
        "17-bits", "alpha of 17 bits", "TOH-008",
        sound=with_alpha, element="TOH.alpha_bit_depth_minus8", is_value=True,
        broken=lambda: set_element(with_alpha(), "alpha_bit_depth_minus8", 9, segment="TOH"),
    ),
    invalid(
        "beyond", "a tile index equal to the number of tiles", "SOA-001",
        sound=with_alpha, broken=lambda: _with_alpha_tiles(0, 2), element="SOA.tile_idx",
    ),
    invalid(
        "twice", "the first tile of alpha twice", "SOA-002",
        sound=with_alpha, broken=lambda: _with_alpha_tiles(0, 0), element="SOA.tile_idx",
    ),
    invalid(
        "missing", "alpha of the second tile is missing", "SOA-003",
        sound=with_alpha, broken=lambda: _with_alpha_tiles(0), element="SOA",
    ),
)  # fmt: skip
