# SPDX-License-Identifier: Apache-2.0
"""Integer colour transform from the synthesis output to picture samples."""

import numpy as np

from refdec.arrays import I32Map, U16Map
from refdec.clause import clause

SAMPLE_FRACTION = 3
"""The synthesis transform answers in 1/8 of an 8-bit sample."""
COEFFICIENT_BITS = 13
BT601 = (11485, 2819, 5850, 14516)
MATRICES = {
    1: (12901, 1535, 3835, 15201),  # BT.709
    5: BT601,
    6: BT601,
    9: (12080, 1348, 4681, 15412),  # BT.2020, non-constant luminance
}
"""By CICP matrix_coefficients: R from Cr, G from Cb, G from Cr, B from Cb, times 2**13."""


@clause("9.3")
def convert_colour(
    *, samples: I32Map, matrix: tuple[int, int, int, int] | None, bit_depth: int
) -> U16Map:
    """Y, Cb, Cr planes to R, G, B (or luma alone to grey).

    Parameters
    ----------
    samples : (3, H, W) or (1, H, W), 1/8 of an 8-bit sample, -2047 to 2047; luma minus 128.
    matrix : an entry of `MATRICES`; None for luma alone.
    bit_depth : 8 to 16; the result lies in 0 to 2**bit_depth - 1.
    """
    y, centre = samples[0] << COEFFICIENT_BITS, 1 << (bit_depth - 1)
    if matrix is None:
        planes = y[None]
    else:
        cb, cr = samples[1], samples[2]
        r_cr, g_cb, g_cr, b_cb = matrix
        planes = np.stack([y + r_cr * cr, y - g_cb * cb - g_cr * cr, y + b_cb * cb])
    shift = COEFFICIENT_BITS + SAMPLE_FRACTION - (bit_depth - 8)
    rounded = ((planes + (1 << (shift - 1))) >> shift) + centre
    clipped: U16Map = np.clip(rounded, 0, (1 << bit_depth) - 1).astype(np.uint16)
    return clipped
