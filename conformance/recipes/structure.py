# SPDX-License-Identifier: Apache-2.0
"""Lanes, tiles, layers and segment CRCs, with content drawn from the probability tables."""

from typing import Any

import numpy as np

from conformance import build, edit
from conformance.recipes.recipe import Recipe
from refdec.arrays import I32Map
from refdec.entropy.context import Step, decode_tile_latent
from refdec.entropy.quality_map import decode_quality_map, derive_quality
from refdec.entropy.residual import LayeredSubstreams
from refdec.latents import decode_latent_planes
from refdec.syntax.picture_header import PictureHeader
from refenc.codestream import write_codestream

PROCESSES = (decode_latent_planes, decode_tile_latent, LayeredSubstreams.residual)


def _recipe(
    name: str,
    purpose: str,
    catches: str,
    size: tuple[int, int],
    *,
    seed: int,
    quality: int = 44,
    **elements: Any,
) -> Recipe:
    def make() -> bytes:
        declared = build.header(*size, quality=quality, **elements)
        content = build.natural(declared, seed=seed)
        return write_codestream(edit.with_hashes(content.codestream()))

    return Recipe(
        id=f"structure/{name}",
        purpose=purpose,
        catches=catches,
        build=make,
        processes=PROCESSES,
    )


def _lanes(log2_lanes: int) -> Recipe:
    return _recipe(
        f"lanes-{1 << log2_lanes}",
        f"{1 << log2_lanes} entropy coder lanes, full and partial rounds",
        "wrong order of words in a round, or lanes not restarted at 0 in each call",
        (64, 64) if log2_lanes < 9 else (96, 80),  # noqa: PLR2004
        seed=100 + log2_lanes,
        quality=60,
        log2_lanes=log2_lanes,
    )


def _hyper_lanes(lanes: int, width: int, height: int, *, log2_lanes: int) -> Recipe:
    return _recipe(
        f"hyper-lanes-{width}x{height}",
        f"hyper-latent lanes: {lanes}, with {1 << log2_lanes} lanes of residuals",
        "lanes of the hyper-latent that follow NumLanes, or are rounded to a power of two",
        (width, height),
        seed=150 + lanes,
        quality=4,
        log2_lanes=log2_lanes,
    )


def _layers(count: int) -> Recipe:
    last = tuple(range(count - 1))
    return _recipe(
        f"layers-{count}",
        f"{count} layers, the last with all groups that remain",
        "sub-streams finished at the wrong group",
        (80, 48),
        seed=200 + count,
        **build.layers(*last),
    )


def nothing(step: Step) -> I32Map:
    """Return zero residuals."""
    return np.zeros(step.tables.shape, np.int32)


def _map(
    name: str,
    purpose: str,
    catches: str,
    *,
    scale_idx: int,
    seed: int,
    size: tuple[int, int] = (120, 88),
    **elements: Any,
) -> Recipe:
    def make() -> bytes:
        declared = build.header(*size, quality=30, **elements)
        draw = build.Draw(seed)
        if name == "quality-map-rectangle":
            offsets = np.zeros((declared.h16, declared.w16), np.int32)
            offsets[1:4, 2:5] = 12
        else:
            count = declared.h16 * declared.w16
            offsets = draw.integers(count, -63, 63).reshape(declared.h16, -1).astype(np.int32)
            offsets.flat[:2] = -63, 63
        content = build.fill(
            declared,
            z_hat=build.random_z(declared, draw, 2),
            rule=lambda step: draw.residuals(step.tables),
            offsets=offsets,
            map_scale_idx=scale_idx,
        )
        return write_codestream(edit.with_hashes(content.codestream()))

    return Recipe(
        id=f"structure/{name}",
        purpose=purpose,
        catches=catches,
        build=make,
        processes=(decode_quality_map, derive_quality, decode_tile_latent),
    )


def many_segments_header(tile_height: int) -> PictureHeader:
    """Declare a wide picture of level 1 with a layer per group."""
    return build.header(
        1216,
        65,
        quality=0,
        level_idc=1,
        **build.tiles(64, tile_height),
        **build.layers(*range(build.num_groups() - 1)),
    )


def many_segments() -> bytes:
    """Return a picture of 19 tiles in as many layers as there are groups."""
    declared = many_segments_header(128)
    z_hat = build.random_z(declared, build.Draw(1), 0)
    return write_codestream(build.fill(declared, z_hat=z_hat, rule=nothing).codestream())


RECIPES = (
    *map(_lanes, range(11)),
    _recipe(
        "tiles-64",
        "tiles of 64x64 samples, partial at the right and below",
        "context taken from beyond a tile; partial tiles",
        (200, 136),
        seed=301,
        **build.tiles(64, 64),
    ),
    _recipe(
        "tiles-128",
        "tiles of 128x128 samples, the last column 16 samples wide",
        "tile sizes in wrong units",
        (272, 144),
        seed=302,
        **build.tiles(128, 128),
    ),
    _recipe(
        "tiles-64x128",
        "tiles of 64x128 samples",
        "tile width and height exchanged",
        (136, 200),
        seed=303,
        **build.tiles(64, 128),
    ),
    _recipe(
        "tiles-odd-phase",
        "picture whose second tile column is one latent position wide",
        "checkerboard phase taken from the picture and not from the tile",
        (72, 70),
        seed=304,
        **build.tiles(64, 64),
    ),
    _recipe(
        "tiles-tall",
        "narrow picture of six rows of tiles",
        "hyper-latent cut at the wrong place for tiles far from the top",
        (20, 340),
        seed=307,
        **build.tiles(64, 64),
    ),
    _recipe(
        "tile-larger-than-picture",
        "tile grid with the largest tiles, one tile",
        "tile indices written although there is one tile",
        (50, 40),
        seed=305,
        **build.tiles(16384, 16384),
    ),
    _recipe(
        "tiles-monochrome",
        "monochrome picture in tiles",
        "chroma positions in monochrome tiles",
        (100, 72),
        seed=306,
        monochrome_flag=1,
        **build.tiles(64, 64),
    ),
    _hyper_lanes(1, 16320, 1, log2_lanes=5),
    _hyper_lanes(2, 16384, 1, log2_lanes=0),
    _hyper_lanes(3, 12225, 65, log2_lanes=2),
    *map(_layers, range(2, 8)),
    _recipe(
        "layers-uneven",
        "three layers of two, three and two groups",
        "layer_last_group read as the first group of the next layer",
        (64, 96),
        seed=211,
        **build.layers(1, 4),
    ),
    _recipe(
        "tiles-and-layers",
        "four tiles in three layers",
        "segments expected tile by tile and not layer by layer",
        (128, 100),
        seed=401,
        **build.tiles(64, 64),
        **build.layers(0, 3),
    ),
    _recipe(
        "segment-crc",
        "every segment with its CRC",
        "CRC of another polynomial, start value or extent",
        (48, 48),
        seed=501,
        segment_crc_flag=1,
    ),
    _recipe(
        "tiles-layers-lanes-crc",
        "four tiles in two layers with 8 lanes and CRCs",
        "structure elements that work alone but not together",
        (100, 128),
        seed=502,
        log2_lanes=3,
        segment_crc_flag=1,
        **build.tiles(64, 64),
        **build.layers(2),
    ),
    _map(
        "quality-map-rectangle",
        "quality map: a rectangle of higher quality",
        "quality offsets summed along columns; quality of the picture used everywhere",
        scale_idx=16,
        seed=601,
    ),
    _map(
        "quality-map-extreme",
        "quality map: random offsets of -63 to 63, most of them beyond the quality range",
        "quality indices that are not clipped; escapes in the quality map",
        scale_idx=0,
        seed=602,
    ),
    _map(
        "quality-map-tiles",
        "quality map with four tiles and the coarsest table",
        "quality map read per tile",
        scale_idx=79,
        seed=603,
        log2_lanes=4,
        **build.tiles(64, 64),
    ),
    _map(
        "quality-map-tall",
        "quality map of a tall picture in twelve tiles",
        "quality indices of the first tiles, or of columns, taken further down",
        scale_idx=40,
        seed=604,
        size=(88, 360),
        **build.tiles(64, 64),
    ),
    _map(
        "quality-map-smallest",
        "quality map of two latent positions of unlike quality",
        "one quality index taken for a picture of few positions",
        scale_idx=40,
        seed=605,
        size=(32, 16),
    ),
    _recipe(
        "large",
        "two megapixels in one tile, wider than 2048 samples",
        "decoders that work in strips, and lose or repeat rows and columns between them",
        (2080, 1048),
        seed=701,
        quality=1,
    ),
    _recipe(
        "level-1-largest",
        "as many samples, and as many tiles, as level 1 allows",
        "limits of a level that are one too small",
        (1024, 1024),
        seed=702,
        quality=0,
        level_idc=1,
        **build.tiles(128, 128),
    ),
    Recipe(
        id="structure/many-segments",
        purpose="19 tiles in a layer per group, next to nothing coded",
        catches="empty sub-streams; residual segments in great number",
        build=many_segments,
        processes=PROCESSES,
    ),
)
