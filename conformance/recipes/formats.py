# SPDX-License-Identifier: Apache-2.0
"""Sample formats: bit depths, binary16, Y, Cb, Cr, subsampled chroma, colour matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance import build, edit
from conformance.build import Draw
from conformance.recipes.entropy import signs
from conformance.recipes.pictures import PHOTO, crop, grey
from conformance.recipes.recipe import Process, Recipe
from refdec.arrays import U8Map, U16Map
from refdec.enhancement import enhance_picture
from refdec.picture import Colour, Picture, picture_digest
from refdec.synthesis.colour import MATRICES, convert_colour, round_samples, subsample_chroma
from refenc.codestream import write_codestream
from refenc.exact import encode_exact

_YCC: dict[str, Any] = {"ycc_flag": 1, "matrix_coefficients": 1}
_UNSPECIFIED: dict[str, Any] = {
    "colour_primaries": 2,
    "transfer_characteristics": 2,
    "matrix_coefficients": 2,
}


def _lossy(
    name: str,
    purpose: str,
    catches: str,
    *processes: Process,
    size: tuple[int, int] = (44, 36),
    **elements: Any,
) -> Recipe:
    def make() -> bytes:
        declared = build.header(*size, quality=36, **elements)
        content = build.natural(declared, seed=9, amplitude=4)
        return write_codestream(edit.with_hashes(content.codestream()))

    used: tuple[Process, ...] = (*processes, round_samples, picture_digest)
    return Recipe(
        id=f"format/{name}", purpose=purpose, catches=catches, build=make, processes=used
    )  # fmt: skip


def _saturated(name: str, purpose: str, catches: str, **elements: Any) -> Recipe:
    def make() -> bytes:
        declared = build.header(24, 40, quality=40, log2_lanes=4, **elements)
        content = build.fill(
            declared, z_hat=build.random_z(declared, Draw(3), 0), rule=signs("random")
        )
        return write_codestream(edit.with_hashes(content.codestream()))

    return Recipe(
        id=f"format/{name}", purpose=purpose, catches=catches, build=make,
        processes=(round_samples,),
    )  # fmt: skip


def deepened(samples: U8Map, bit_depth: int, seed: int) -> U16Map:
    """Fill the low bits of deeper samples at random."""
    shift, low = bit_depth - 8, Draw(seed)
    noise = low.integers(samples.size, 0, (1 << shift) - 1).reshape(samples.shape)
    return ((samples.astype(np.int64) << shift) + noise).astype(np.uint16)


def picture(samples: Any, bit_depth: int = 8, **options: Any) -> Picture:
    """Declare a picture with the matrix of BT.709."""
    colour = Colour(primaries=1, transfer=1, matrix=1, full_range=True)
    return Picture(samples=samples, bit_depth=bit_depth, colour=colour, **options)


def subsampled(chroma_format: int, bit_depth: int = 8) -> Picture:
    """Take planes of odd size from a photograph: chroma is a smaller crop of two components."""
    width, height = 45, 31
    luma: Any = grey(crop(PHOTO, 300, 200, width, height))
    chroma_height = height if chroma_format == 1 else -(-height // 2)
    chroma: Any = crop(PHOTO, 280, 180, -(-width // 2), chroma_height)[:2]
    if bit_depth > 8:  # noqa: PLR2004
        luma, chroma = deepened(luma, bit_depth, 1), deepened(chroma, bit_depth, 2)
    return picture(luma, bit_depth, chroma=chroma, chroma_format=chroma_format, is_ycc=True)


def _exact(
    name: str, purpose: str, catches: str, make: Callable[[], Picture], **options: Any
) -> Recipe:
    return Recipe(
        id=f"format/{name}",
        purpose=purpose,
        catches=catches,
        build=lambda: encode_exact(make(), hashes=True, **options),
        is_exact="base_quality" not in options,
        processes=(enhance_picture,),
    )


def _colours(bit_depth: int = 8) -> Any:
    samples = crop(PHOTO, 300, 200, 45, 31)
    return samples if bit_depth == 8 else deepened(samples, bit_depth, bit_depth)  # noqa: PLR2004


def _numbers() -> Picture:
    samples = deepened(crop(PHOTO, 300, 200, 33, 21), 16, 3)
    samples[0, 0, :6] = (0x0400, 0x7FFF, 0x8000, 0xFBFF, 0x7BFF, 0x83FF)
    return picture(np.clip(samples, 0x0400, 0xFBFF), 16, is_float=True)


RECIPES = (
    *(
        _lossy(f"depth-{depth}", f"{depth} bits per sample", "shift of another bit depth",
               bit_depth_minus8=depth - 8)
        for depth in (9, 10, 11, 12, 13, 14, 15, 16)
    ),
    _lossy("depth-9-monochrome", "9 bits per sample, luma only", "digest of 8-bit samples",
           bit_depth_minus8=1, monochrome_flag=1),
    _lossy("binary16", "binary16 numbers", "samples taken for the bits of the numbers",
           bit_depth_minus8=8, sample_float_flag=1),
    _lossy("binary16-monochrome", "binary16 numbers, luma only", "numbers that must be colours",
           bit_depth_minus8=8, sample_float_flag=1, monochrome_flag=1),
    _saturated("binary16-saturated", "binary16 numbers that clip at both ends",
               "infinities and NaN instead of the largest finite numbers",
               bit_depth_minus8=8, sample_float_flag=1),
    *(
        _lossy(f"matrix-{name}", f"matrix_coefficients {idc}, {meaning}", "another matrix",
               convert_colour, matrix_coefficients=idc)
        for idc, name, meaning in (
            (0, "identity", "the planes are G, B, R"),
            (1, "709", "BT.709"),
            (4, "fcc", "FCC"),
            (5, "601-625", "BT.601, the other code point"),
            (7, "240m", "SMPTE 240M"),
            (8, "ycgco", "YCgCo"),
            (16, "ycgco-re", "YCgCo-Re, by lifting"),
            (17, "ycgco-ro", "YCgCo-Ro, by lifting"),
        )
    ),
    *(
        _lossy(f"matrix-{idc}-deep", f"matrix_coefficients {idc}, 16 bits per sample",
               "coefficients that are off by one", convert_colour, matrix_coefficients=idc,
               bit_depth_minus8=8)
        for idc in MATRICES
    ),
    _lossy("matrix-2020", "colour description of HDR: BT.2020, PQ, 10 bits",
           "primaries or transfer applied to the samples", convert_colour,
           matrix_coefficients=9, colour_primaries=9, transfer_characteristics=16,
           bit_depth_minus8=2),
    _lossy("narrow-range", "R, G, B of narrow range", "samples stretched to full range",
           full_range_flag=0),
    _lossy("ycc-444", "Y, Cb, Cr", "samples converted to R, G, B", **_YCC),
    _lossy("ycc-444-10-narrow", "Y, Cb, Cr of 10 bits, narrow range, not described further",
           "a matrix needed for samples that are not converted",
           bit_depth_minus8=2, full_range_flag=0, ycc_flag=1, **_UNSPECIFIED),
    _lossy("ycc-444-ictcp", "Y, Cb, Cr with a matrix that R, G, B are not made with",
           "the matrix of Y, Cb, Cr refused", ycc_flag=1, matrix_coefficients=14),
    *(
        _lossy(f"ycc-{name}{label}", f"chroma {name[0]}:{name[1]}:{name[2]}, {side}",
               "chroma that is not averaged; odd sizes rounded down", subsample_chroma,
               size=size, chroma_format_idc=idc, **_YCC, **elements)
        for idc, name in ((1, "422"), (2, "420"))
        for label, side, size, elements in (
            ("", "even size", (44, 36), {}),
            ("-odd", "odd size", (45, 37), {}),
            ("-single", "one sample", (1, 1), {}),
            ("-16", "16 bits, one row", (43, 1), {"bit_depth_minus8": 8}),
            ("-tiles-layers", "four tiles in two layers", (97, 81),
             {**build.tiles(64, 64), **build.layers(2)}),
        )
    ),
    _lossy("ycc-420-binary16", "chroma 4:2:0 of binary16 numbers",
           "averages of numbers and not of planes", subsample_chroma, size=(23, 17),
           chroma_format_idc=2, bit_depth_minus8=8, sample_float_flag=1, **_YCC),
    *(
        _exact(f"exact-depth-{depth}", f"a photograph of {depth} bits, lossless",
               "low bits of residuals; contexts of another bit depth",
               lambda depth=depth: picture(_colours(depth), depth))  # type: ignore[misc]
        for depth in (9, 10, 12, 14, 16)
    ),
    _exact("exact-depth-16-over-base", "16 bits, lossless over a lossy base",
           "differences of 17 bits", lambda: picture(_colours(16), 16), base_quality=30),
    _exact("exact-depth-12-near-5", "12 bits to within 5", "the step of deep residuals",
           lambda: picture(_colours(12), 12), max_error=5),
    _exact("exact-binary16", "binary16 numbers, lossless: largest, smallest and both zeros",
           "the sign of zero; the ends of the range", _numbers),
    _exact("exact-binary16-near-9", "binary16 numbers to within 9 steps",
           "numbers clipped beyond the finite ones", _numbers, max_error=9),
    _exact("exact-ycc-444", "Y, Cb, Cr, lossless", "the coding order of R, G, B",
           lambda: picture(_colours(), is_ycc=True)),
    *(
        _exact(f"exact-ycc-{name}{label}", f"chroma {name[0]}:{name[1]}:{name[2]}, {how}",
               "luma and chroma in other sub-streams or in another order",
               lambda idc=idc, depth=depth: subsampled(idc, depth), **options)  # type: ignore[misc]
        for idc, name in ((1, "422"), (2, "420"))
        for label, how, depth, options in (
            ("", "lossless", 8, {}),
            ("-10", "10 bits, lossless", 10, {}),
            ("-over-base", "lossless over a lossy base", 8, {"base_quality": 30}),
            ("-near-2", "to within 2", 8, {"max_error": 2}),
        )
    ),
)  # fmt: skip
