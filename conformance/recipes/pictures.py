# SPDX-License-Identifier: Apache-2.0
"""Pictures through the encoder: photographs, small sizes, screen content, extreme qualities."""

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from conformance import ROOT
from conformance.build import Draw
from conformance.recipes.recipe import Recipe
from refdec.arrays import U8Map
from refdec.entropy.context import decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features, decode_hyper_latent
from refdec.synthesis.colour import convert_colour
from refdec.synthesis.transform import synthesise
from refenc.encode import encode, encode_at_rate

PHOTO = "spices.png"
TEXT = "text.png"
GRAPHIC = "graphic.png"
ALL_STAGES = (
    decode_hyper_latent,
    decode_hyper_features,
    decode_tile_latent,
    synthesise,
    convert_colour,
)


@cache
def load(name: str) -> U8Map:
    """Return a source picture, (3, H, W)."""
    with Image.open(ROOT / "sources" / name) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1).copy()


def crop(name: str, left: int, top: int, width: int, height: int) -> U8Map:
    """Cut a rectangle out of a source picture."""
    return load(name)[:, top : top + height, left : left + width].copy()


def grey(samples: U8Map) -> U8Map:
    """Return (1, H, W) luma in integer arithmetic."""
    weights = np.array([77, 150, 29], np.int64)[:, None, None]
    luma: U8Map = ((samples * weights).sum(axis=0, keepdims=True) + 128 >> 8).astype(np.uint8)
    return luma


def noise(width: int, height: int) -> U8Map:
    """Return uniform noise."""
    values = Draw(5).integers(3 * height * width, 0, 255)
    return values.astype(np.uint8).reshape(3, height, width)


def colour_bars(width: int, height: int) -> U8Map:
    """Return the eight corners of the RGB cube as bars."""
    bar = np.arange(width) * 8 // width
    planes = np.stack([bar & 1, bar >> 1 & 1, bar >> 2 & 1]) * 255
    return np.repeat(planes[:, None], height, axis=1).astype(np.uint8)


def _recipe(
    name: str,
    purpose: str,
    catches: str,
    samples: Callable[[], U8Map],
    *,
    quality: int | None = None,
    bpp: float | None = None,
) -> Recipe:
    def build() -> bytes:
        if quality is not None:
            return encode(samples(), quality=quality, hashes=True, backend="numpy")
        return encode_at_rate(samples(), bpp=bpp or 0.0, hashes=True, backend="numpy").data

    return Recipe(
        id=name,
        purpose=purpose,
        catches=catches,
        build=build,
        is_exact=False,
        processes=ALL_STAGES,
    )


def _size(width: int, height: int, catches: str) -> Recipe:
    return _recipe(
        f"picture/size-{width}x{height}",
        f"{width}x{height} samples cut from a photograph",
        catches,
        lambda: crop(PHOTO, 500, 200, width, height),
        quality=32,
    )


RECIPES = (
    _recipe(
        "photo/still-photo-1",
        "photograph of 768x512 samples at 0.5 bit per pixel",
        "any wrong stage; this is the stream of the demonstration",
        lambda: load(PHOTO),
        bpp=0.5,
    ),
    _recipe(
        "photo/still-photo-2",
        "the same photograph at 0.25 bit per pixel",
        "wrong steps and offsets at low quality",
        lambda: load(PHOTO),
        bpp=0.25,
    ),
    _recipe(
        "photo/still-photo-3",
        "the same photograph at 1 bit per pixel",
        "wrong steps and offsets at high quality",
        lambda: load(PHOTO),
        bpp=1.0,
    ),
    _recipe(
        "photo/grey-photo",
        "monochrome photograph of 384x256 samples",
        "chroma channels coded or synthesised in a monochrome picture",
        lambda: grey(crop(PHOTO, 200, 100, 384, 256)),
        bpp=0.6,
    ),
    _recipe(
        "picture/thumbnail",
        "64x64 samples cut from a photograph",
        "hyper-latent of one position",
        lambda: crop(PHOTO, 480, 180, 64, 64),
        quality=40,
    ),
    _size(1, 1, "sizes of 1, and borders wider than the picture"),
    _size(7, 5, "width and height exchanged; cropping below one latent position"),
    _size(16, 16, "exactly one latent position"),
    _size(17, 33, "one sample beyond a latent position"),
    _size(65, 64, "one sample beyond a hyper-latent position"),
    _size(1, 130, "a picture of one column"),
    _size(130, 1, "a picture of one row"),
    _recipe(
        "picture/grey-1x1",
        "monochrome picture of one sample",
        "smallest monochrome picture",
        lambda: grey(crop(PHOTO, 500, 200, 1, 1)),
        quality=32,
    ),
    _recipe(
        "picture/screen-text",
        "rendered text of several scripts and colours",
        "wrong high-frequency channels",
        lambda: load(TEXT),
        quality=44,
    ),
    _recipe(
        "picture/screen-graphic",
        "scatter plot on a dark ground",
        "wrong handling of large areas without coded residual",
        lambda: load(GRAPHIC),
        quality=28,
    ),
    _recipe(
        "picture/quality-0",
        "lowest quality",
        "first row of the step table; quality biases at their lower end",
        lambda: crop(PHOTO, 300, 150, 112, 80),
        quality=0,
    ),
    _recipe(
        "picture/quality-63",
        "highest quality",
        "last row of the step table; quality biases at their upper end",
        lambda: crop(PHOTO, 300, 150, 112, 80),
        quality=63,
    ),
    _recipe(
        "picture/flat",
        "constant grey",
        "picture with next to nothing coded",
        lambda: np.full((3, 48, 80), 119, np.uint8),
        quality=32,
    ),
    _recipe(
        "picture/noise",
        "uniform noise",
        "large residuals everywhere",
        lambda: noise(48, 40),
        quality=40,
    ),
    _recipe(
        "picture/colour-bars",
        "the eight corners of the RGB cube",
        "colour transform without clipping, or planes in another order",
        lambda: colour_bars(128, 40),
        quality=56,
    ),
)
