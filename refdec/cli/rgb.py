# SPDX-License-Identifier: Apache-2.0
"""R, G, B of pictures whose samples are Y, Cb, Cr, for files that hold nothing else. Informative.

All in binary64, in this order: chroma is interpolated to the size of luma (weights 3/4 and 1/4 of
the two nearest samples, whose places lie between those of luma); the range is stretched; the
matrix of 9.3.2 is applied; the result is rounded to nearest, halves up, and clipped.
"""

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import U8Map, U16Map
from refdec.errors import UnsupportedFeature
from refdec.picture import Picture, typed_samples
from refdec.syntax.picture_variables import CHROMA_STEPS
from refdec.synthesis.colour import COEFFICIENT_BITS, MATRICES

F64 = NDArray[np.float64]
UNSPECIFIED, ITS_MATRIX = 2, 6
NARROW_LUMA, NARROW_CHROMA, NARROW_BLACK = 219, 224, 16
"""Narrow range: extent of luma and of chroma, and black, in units of an 8-bit sample."""


def rgb_samples(picture: Picture) -> U8Map | U16Map:
    """Return (3, H, W) R, G, B of full range in the picture's bit depth.

    Raises
    ------
    UnsupportedFeature
        The matrix is not one that R, G, B follow from.
    """
    matrix = picture.colour.matrix
    rows = MATRICES.get(ITS_MATRIX if matrix == UNSPECIFIED else matrix)
    if rows is None or picture.is_float:
        what = "binary16 Y, Cb, Cr" if picture.is_float else f"Y, Cb, Cr of matrix {matrix}"
        message = f"{what} cannot be converted to R, G, B; .y4m and .yuv hold them as they are"
        raise UnsupportedFeature(message)
    planes = np.concatenate([picture.samples.astype(np.float64), *_interpolated(picture)])
    peak, unit = (1 << picture.bit_depth) - 1, float(1 << (picture.bit_depth - 8))
    planes[1:] -= 128 * unit
    if not picture.colour.full_range:
        planes[0] = (planes[0] - NARROW_BLACK * unit) * (peak / (NARROW_LUMA * unit))
        planes[1:] *= peak / (NARROW_CHROMA * unit)
    if matrix == 0:
        planes[1:] += 128 * unit
    real = np.stack([row[0] * planes[0] + row[1] * planes[1] + row[2] * planes[2] for row in rows])
    rounded = np.floor(real / (1 << COEFFICIENT_BITS) + 0.5)
    return typed_samples(np.clip(rounded, 0, peak), picture.bit_depth)


def _interpolated(picture: Picture) -> list[F64]:
    """Return subsampled chroma (2, H, W) in a list; an empty one for 4:4:4."""
    if picture.chroma is None:
        return []
    planes = picture.chroma.astype(np.float64)
    step_x, step_y = CHROMA_STEPS[picture.chroma_format]
    for axis, step, size in ((1, step_y, picture.height), (2, step_x, picture.width)):
        if step > 1:
            pad = [(0, 0)] * 3
            pad[axis] = (1, 1)
            rows = np.moveaxis(np.pad(planes, pad, mode="edge"), axis, 0)
            near = 0.75 * rows[1:-1]
            pairs = np.stack([near + 0.25 * rows[:-2], near + 0.25 * rows[2:]], axis=1)
            planes = np.moveaxis(pairs.reshape(-1, *near.shape[1:])[:size], 0, axis)
    return [planes]
