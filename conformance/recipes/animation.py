# SPDX-License-Identifier: Apache-2.0
"""Animations: whole frames and rectangles that replace a part, lossless and lossy, with alpha."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.recipes.alpha import ramp
from conformance.recipes.pictures import PHOTO, crop
from conformance.recipes.recipe import Recipe
from refdec.animation import show_frame
from refdec.arrays import U8Map
from refdec.syntax.segment import ToolHeader
from refenc.alpha import Alpha, add_alpha
from refenc.animation import SourceFrame, encode_animation
from refenc.colour import as_picture
from refenc.encode import Structure, encode
from refenc.exact import encode_exact

TICKS = (100, 40, 0, 1000)


def moving(width: int, height: int, *, alpha: bool = False) -> Iterator[SourceFrame]:
    """Move a square over a photograph, and end with the photograph brightened."""
    ground = crop(PHOTO, 300, 200, width, height)
    if alpha:
        ground = np.concatenate([ground, ramp(width, height)[None]]).astype(np.uint8)
    for number, ticks in enumerate(TICKS):
        pixels = ground.copy()
        left = number * width // len(TICKS)
        pixels[..., height // 3 : height // 2, left : left + 5] = 200 - 30 * number
        if number == len(TICKS) - 1:
            pixels[:, ::2] ^= 8
        yield SourceFrame(pixels, ticks)


def lossless(
    samples: U8Map, alpha: Alpha | None, tools: ToolHeader | None, log2_lanes: int | None
) -> bytes:
    """Encode one frame exactly."""
    data = encode_exact(
        samples,
        hashes=True,
        structure=Structure(log2_lanes=log2_lanes or 0),
        with_matches=bool(tools and tools.match_flag),
    )
    return data if alpha is None else add_alpha(data, alpha, hashes=True, with_matches=True)


def lossy(
    samples: U8Map, alpha: Alpha | None, tools: ToolHeader | None, log2_lanes: int | None
) -> bytes:
    """Encode one frame, all but the first at a better quality, in tiles and layers."""
    structure = Structure(tile_size=64, layer_last_group=(3,), log2_lanes=log2_lanes or 0)
    quality = 20 if tools is None else 35
    data = encode(samples, quality=quality, structure=structure, hashes=True, backend="numpy")
    return data if alpha is None else add_alpha(data, alpha, hashes=True, with_matches=True)


def two_frames(*, alpha: bool = False) -> bytes:
    """Return a small animation of a whole frame and a part, to be broken."""
    frames = list(moving(24, 12, alpha=alpha))[:2]
    return encode_animation(frames, lossless, has_alpha=alpha, loop_count=0, is_exact=True)


def subsampled_frames() -> bytes:
    """Return an animation of Y, Cb, Cr in 4:2:0, of a whole frame and a part."""
    ground = np.full((3, 8, 8), 90, np.uint8)
    part = ground.copy()
    part[:, 2:6, 2:6] = 120

    def frame(samples: U8Map, _alpha: object, _tools: object, _lanes: object) -> bytes:
        picture = replace(
            as_picture(samples[:1]),
            chroma=np.ascontiguousarray(samples[1:, ::2, ::2]),
            chroma_format=2,
            is_ycc=True,
        )
        return encode_exact(picture, structure=Structure(log2_lanes=0), with_matches=False)

    frames = [SourceFrame(ground, 10), SourceFrame(part, 10)]
    return encode_animation(frames, frame, has_alpha=False, loop_count=0, is_exact=True)


def still() -> bytes:
    """Return an animation of one frame."""
    frame = SourceFrame(crop(PHOTO, 300, 200, 1, 1), 0)
    return encode_animation([frame], lossless, has_alpha=False, loop_count=1, is_exact=True)


def lossy_still() -> bytes:
    """Return a lossy animation of one frame."""
    frame = SourceFrame(np.full((1, 8, 8), 90, np.uint8), 0)
    return encode_animation([frame], lossy, has_alpha=False, loop_count=0, is_exact=False)


def _case(
    name: str, purpose: str, catches: str, *, alpha: bool = False, is_exact: bool = True
) -> Recipe:
    return Recipe(
        id=f"animation/{name}",
        purpose=purpose,
        catches=catches,
        build=lambda: encode_animation(
            moving(96, 66, alpha=alpha),
            lossless if is_exact else lossy,
            has_alpha=alpha,
            loop_count=3,
            is_exact=is_exact,
        ),
        is_exact=is_exact,
        processes=(show_frame,),
    )


RECIPES = (
    _case("lossless", "four frames, lossless, of which the last is whole",
          "rectangles at another place, or shown alone"),
    _case("lossy", "four lossy frames in tiles and layers, at two qualities",
          "the quality of a frame; tiles of a smaller frame", is_exact=False),
    _case("alpha", "four frames with alpha, lossless", "alpha blended instead of replaced",
          alpha=True),
    _case("lossy-alpha", "four lossy frames with alpha", "alpha of a rectangle left as it was",
          alpha=True, is_exact=False),
    Recipe(
        id="animation/one-frame",
        purpose="one frame of one sample, shown for no time",
        catches="an animation without a second frame refused",
        build=still,
        processes=(show_frame,),
    ),
    Recipe(
        id="animation/chroma-420",
        purpose="two frames of Y, Cb, Cr in 4:2:0, the second a rectangle",
        catches="chroma of a rectangle at the place of luma, or not replaced",
        build=subsampled_frames,
        processes=(show_frame,),
    ),
)  # fmt: skip
