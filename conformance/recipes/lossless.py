# SPDX-License-Identifier: Apache-2.0
"""Pictures of the lossless tool: whole pictures, and enhancements of a lossy one."""

from conformance.build import Draw
from conformance.recipes.pictures import PHOTO, TEXT, crop, grey, noise
from conformance.recipes.recipe import Recipe
from refdec.arrays import U8Map
from refdec.enhancement import enhance_picture
from refenc.encode import Structure
from refenc.exact import encode_exact


def _case(name: str, purpose: str, catches: str, samples: U8Map, **options: object) -> Recipe:
    """Declare a picture; what has no lossy base is made in integers alone."""
    return Recipe(
        id=f"lossless/{name}",
        purpose=purpose,
        catches=catches,
        build=lambda: encode_exact(samples, hashes=True, **options),  # type: ignore[arg-type]
        is_exact="base_quality" not in options,
        processes=(enhance_picture,),
    )


def few_colours(width: int, height: int) -> U8Map:
    """Return random pixels of five colours, over noise: neighbourhoods of all kinds, and many."""
    colours, samples = noise(5, 1)[:, 0], noise(width, height)
    rows = height // 2
    chosen = Draw(6).integers(width * rows, 0, 4).reshape(rows, width)
    samples[:, :rows] = colours[:, chosen]
    return samples


RECIPES = (
    _case("photo", "a photograph, lossless", "the prediction of a component by earlier ones",
          crop(PHOTO, 300, 200, 61, 47)),
    _case("text", "rendered text, lossless", "matches and the colour memory",
          crop(TEXT, 8, 8, 96, 64)),
    _case("grey", "a grey photograph, lossless", "one component treated as three",
          grey(crop(PHOTO, 100, 100, 33, 40))),
    _case("noise", "noise, lossless", "the ends of the residual's range", noise(23, 19)),
    _case("few-colours", "random pixels of five colours over noise, lossless, with matches",
          "contexts of matches, and neighbourhoods with the same hash",
          few_colours(64, 128), with_matches=True),
    _case("single", "one sample, lossless", "neighbours outside the picture", noise(1, 1)),
    _case("row", "one row, lossless", "neighbours outside the picture", noise(40, 1)),
    _case("column", "one column, lossless", "neighbours outside the picture", noise(1, 40)),
    _case("tiles", "six tiles, lossless", "neighbours of another tile",
          crop(PHOTO, 200, 100, 150, 70), structure=Structure(tile_size=64)),
    _case("tile-larger-than-picture", "one tile of 16384x16384 samples, lossless",
          "the limit of a tile's size held against the grid and not against the tile",
          crop(PHOTO, 200, 100, 19, 12), structure=Structure(tile_size=16384)),
    _case("near-1", "a photograph to within 1", "the step and the wrap of near-lossless residuals",
          crop(PHOTO, 300, 200, 48, 32), max_error=1),
    _case("near-7", "noise to within 7", "samples clipped at the ends of their range",
          noise(24, 24), max_error=7),
    _case("near-255", "noise to within 255: every sample may be any", "a step of 511",
          noise(9, 9), max_error=255),
    _case("near-2-text", "rendered text to within 2, with matches",
          "matches that are looked for before samples are rounded",
          crop(TEXT, 40, 30, 64, 40), max_error=2, with_matches=True),
    _case("matches-tiles", "rendered text in two tiles, with matches",
          "matches and colours of another tile", crop(TEXT, 8, 8, 96, 40),
          structure=Structure(tile_size=64), with_matches=True),
    _case("over-base", "a photograph, lossless over a lossy base", "the base's samples",
          crop(PHOTO, 300, 200, 64, 48), base_quality=30),
    _case("near-3-over-base", "a photograph to within 3 over a lossy base",
          "the base's samples in near-lossless pictures",
          crop(PHOTO, 300, 200, 64, 48), base_quality=40, max_error=3),
)  # fmt: skip
