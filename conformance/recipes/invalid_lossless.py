# SPDX-License-Identifier: Apache-2.0
"""Invalid streams of the lossless tool: tool header, enhancement and alpha segments."""

from dataclasses import replace
from functools import cache

import numpy as np

from conformance.recipes.faults import invalid, set_element
from conformance.recipes.pictures import noise
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import MAX_ERROR, HyperLatentSegment
from refenc.alpha import Alpha, add_alpha
from refenc.codestream import write_codestream
from refenc.encode import Structure, encode
from refenc.exact import encode_exact


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


RECIPES = (
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
