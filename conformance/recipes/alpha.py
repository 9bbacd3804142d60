# SPDX-License-Identifier: Apache-2.0
"""Pictures with alpha, which is lossless whatever the samples are."""

from collections.abc import Callable

import numpy as np

from conformance.recipes.pictures import PHOTO, TEXT, crop, grey, noise
from conformance.recipes.recipe import Recipe
from refdec.arrays import U8Map, U16Map
from refdec.enhancement import decode_alpha
from refdec.picture import typed_samples
from refenc.alpha import Alpha, add_alpha
from refenc.encode import Structure, encode
from refenc.exact import encode_exact


def ramp(width: int, height: int, bit_depth: int = 8) -> U8Map | U16Map:
    """Make alpha that is opaque at the left, transparent at the right, and slanted between."""
    peak = (1 << bit_depth) - 1
    distance = 2 * np.arange(width) + np.arange(height)[:, None] - width
    values = np.clip(peak - peak * distance // width, 0, peak)
    return typed_samples(values, bit_depth)


def _case(
    name: str,
    purpose: str,
    catches: str,
    build: Callable[[], bytes],
    alpha: Alpha,
    *,
    is_exact: bool = True,
) -> Recipe:
    return Recipe(
        id=f"alpha/{name}",
        purpose=purpose,
        catches=catches,
        build=lambda: add_alpha(build(), alpha, hashes=True),
        is_exact=is_exact,
        processes=(decode_alpha,),
    )


RECIPES = (
    _case("photo", "a lossy photograph that fades out", "alpha that disturbs the samples",
          lambda: encode(crop(PHOTO, 300, 200, 80, 56), quality=30, hashes=True, backend="numpy"),
          Alpha(samples=ramp(80, 56)), is_exact=False),
    _case("layers-tiles", "alpha of four tiles beside two layers, with segment CRCs",
          "order of the segments; margins of alpha's tiles",
          lambda: encode(
              crop(PHOTO, 300, 200, 90, 70), quality=20, hashes=True, backend="numpy",
              structure=Structure(tile_size=64, layer_last_group=(2,), segment_crc=True),
          ),
          Alpha(samples=ramp(90, 70)), is_exact=False),
    _case("over-base", "alpha of a photograph that is lossless over a lossy base",
          "alpha predicted as if it had a base",
          lambda: encode_exact(crop(PHOTO, 300, 200, 40, 30), base_quality=20, hashes=True),
          Alpha(samples=ramp(40, 30)), is_exact=False),
    _case("text", "rendered text, lossless, of which the ground is transparent",
          "matches of alpha, which are its own",
          lambda: encode_exact(crop(TEXT, 8, 8, 64, 48), hashes=True),
          Alpha(samples=np.where(crop(TEXT, 8, 8, 64, 48)[1] > 127, 0, 255).astype(np.uint8))),  # noqa: PLR2004
    _case("near-lossless", "noise to within 9, with alpha of noise",
          "max_error applied to alpha",
          lambda: encode_exact(noise(30, 20), max_error=9, hashes=True),
          Alpha(samples=noise(31, 20)[0, :, 1:])),
    _case("deep", "16-bit alpha of an 8-bit grey picture", "alpha read at the samples' depth",
          lambda: encode_exact(grey(crop(PHOTO, 100, 100, 33, 20)), hashes=True),
          Alpha(samples=ramp(33, 20, 16), bit_depth=16)),
    _case("premultiplied", "samples multiplied by alpha of 10 bits",
          "a decoder that divides by alpha",
          lambda: encode_exact(crop(PHOTO, 300, 200, 24, 18), hashes=True),
          Alpha(samples=ramp(24, 18, 10), bit_depth=10, is_premultiplied=True)),
    _case("single", "one transparent sample", "smallest alpha",
          lambda: encode_exact(noise(1, 1), hashes=True),
          Alpha(samples=np.zeros((1, 1), np.uint8))),
)  # fmt: skip
