# SPDX-License-Identifier: Apache-2.0
"""What the analysis sees of a picture: Y, Cb, Cr at full resolution, whatever its format."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from refdec.picture import Colour, Picture, typed_samples
from refdec.syntax.picture_variables import CHROMA_STEPS, FINITE_MAX, FINITE_MIN
from refdec.synthesis.colour import COEFFICIENT_BITS, LIFTED, MATRICES

F32 = NDArray[np.float32]
Samples = NDArray[np.uint8] | Picture
"""What can be encoded: 8-bit (3, H, W) R, G, B or (1, H, W) grey, or a picture of any format."""
DEFAULT_COLOUR = Colour(primaries=1, transfer=13, matrix=6, full_range=True)
"""What a picture header says in one bit: sRGB, through the matrix of BT.601."""
CENTRE = 128
LIFTING = ((1, -0.5, 0.5), (1, 0.5, 0), (1, -0.5, -0.5))
"""R, G, B from Y, Cg, Co by lifting, without its rounding."""


def as_picture(samples: Samples) -> Picture:
    """Take samples as a picture.

    Raises
    ------
    ValueError
        A sample is out of range.
    """
    picture = samples
    if not isinstance(picture, Picture):
        picture = Picture(samples=typed_samples(picture, 8), bit_depth=8, colour=DEFAULT_COLOUR)
    peak = (1 << picture.bit_depth) - 1
    low, high = (FINITE_MIN, FINITE_MAX) if picture.is_float else (0, peak)
    if not all(low <= group.min() <= group.max() <= high for group in picture.groups):
        message = f"samples shall be {low} to {high}"
        raise ValueError(message)
    return picture


def format_elements(picture: Picture) -> dict[str, int]:
    """Return the elements of the picture header that declare the format."""
    colour = picture.colour
    elements = {
        "bit_depth_minus8": picture.bit_depth - 8,
        "sample_float_flag": int(picture.is_float),
        "chroma_format_idc": picture.chroma_format,
        "ycc_flag": int(picture.is_ycc),
    }
    if not any(elements.values()) and colour == DEFAULT_COLOUR:
        return {"default_format_flag": 1}
    return elements | {
        "default_format_flag": 0,
        "colour_primaries": colour.primaries,
        "transfer_characteristics": colour.transfer,
        "matrix_coefficients": colour.matrix,
        "full_range_flag": int(colour.full_range),
    }


@cache
def ycc_from_rgb(matrix_coefficients: int) -> F32:
    """Return the inverse of the matrix that the decoder applies."""
    if matrix_coefficients in LIFTED:
        rows = np.array(LIFTING)
    else:
        rows = np.array(MATRICES[matrix_coefficients]) / 2**COEFFICIENT_BITS
    inverse: F32 = np.linalg.inv(rows).astype(np.float32)
    return inverse


def network_planes(picture: Picture) -> F32:
    """Return (3, H, W): Y - 128, Cb, Cr in units of an 8-bit sample."""
    scale = np.float32(2.0 ** (8 - picture.bit_depth))
    groups = [group.astype(np.float32) * scale - CENTRE for group in picture.groups]
    if len(picture.planes) == 1:
        return np.pad(groups[0], ((0, 2), (0, 0), (0, 0)))
    if not picture.is_ycc:
        planes: F32 = np.tensordot(ycc_from_rgb(picture.colour.matrix), groups[0], 1)
        return planes
    if picture.chroma is not None:
        groups[1] = upsample_chroma(groups[1], picture)
    return np.concatenate(groups)


def upsample_chroma(chroma: F32, picture: Picture) -> F32:
    """Repeat chroma samples (2, h, w) up to the size of luma."""
    step_x, step_y = CHROMA_STEPS[picture.chroma_format]
    return chroma.repeat(step_y, 1).repeat(step_x, 2)[:, : picture.height, : picture.width]
