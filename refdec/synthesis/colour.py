# SPDX-License-Identifier: Apache-2.0
"""Integer conversion from the synthesis output to picture samples."""

import numpy as np

from refdec.arrays import I32Map, U16Map
from refdec.clause import clause

SAMPLE_FRACTION = 3
"""The synthesis transform answers in 1/8 of an 8-bit sample."""
COEFFICIENT_BITS = 13
_ONE = 1 << COEFFICIENT_BITS
Matrix = tuple[tuple[int, int, int], ...]


def _luma_matrix(r_cr: int, g_cb: int, g_cr: int, b_cb: int) -> Matrix:
    return (_ONE, 0, r_cr), (_ONE, -g_cb, -g_cr), (_ONE, b_cb, 0)


_BT601 = _luma_matrix(11485, 2819, 5850, 14516)
MATRICES: dict[int, Matrix] = {
    0: ((0, 0, _ONE), (_ONE, 0, 0), (0, _ONE, 0)),  # identity: the planes are G, B, R
    1: _luma_matrix(12901, 1535, 3835, 15201),  # BT.709
    4: _luma_matrix(11469, 2719, 5832, 14582),  # FCC
    5: _BT601,
    6: _BT601,
    7: _luma_matrix(12911, 1856, 3904, 14959),  # SMPTE 240M
    8: ((_ONE, -_ONE, _ONE), (_ONE, _ONE, 0), (_ONE, -_ONE, -_ONE)),  # YCgCo
    9: _luma_matrix(12080, 1348, 4681, 15412),  # BT.2020, non-constant luminance
}
"""By matrix_coefficients: R, G, B from Y, Cb, Cr, times 2**13."""
LIFTED = (16, 17)
"""YCgCo-Re and YCgCo-Ro, which lifting steps invert."""


@clause("9.3.1")
def subsample_chroma(*, chroma: I32Map, step_x: int, step_y: int) -> I32Map:
    """Average the values that each chroma sample stands for.

    Parameters
    ----------
    chroma : (C, H, W), as many values as luma has; the last row and column are repeated if needed.
    step_x, step_y : 1 or 2, columns and rows per chroma sample.

    Returns
    -------
    (C, ceil(H / step_y), ceil(W / step_x)).
    """
    components, height, width = chroma.shape
    pad = ((0, 0), (0, -height % step_y), (0, -width % step_x))
    padded, count = np.pad(chroma, pad, mode="edge"), step_x * step_y
    blocks = padded.reshape(components, -1, step_y, padded.shape[2] // step_x, step_x)
    averages: I32Map = (blocks.sum(axis=(2, 4), dtype=np.int32) + count // 2) // count
    return averages


@clause("9.3.2")
def convert_colour(*, planes: I32Map, matrix_coefficients: int) -> I32Map:
    """Turn Y, Cb, Cr into R, G, B.

    Parameters
    ----------
    planes : (3, H, W), 1/8 of an 8-bit sample, -2047 to 2047; luma minus 128.
    matrix_coefficients : a key of `MATRICES`, or one of `LIFTED`.

    Returns
    -------
    (3, H, W), times 2**13.
    """
    if matrix_coefficients in LIFTED:
        y, cb, cr = planes
        t = y - (cb >> 1)
        blue = t - (cr >> 1)
        return np.stack([blue + cr, t + cb, blue]) << COEFFICIENT_BITS
    matrix = np.array(MATRICES[matrix_coefficients], np.int32)
    converted: I32Map = np.einsum("oi,ihw->ohw", matrix, planes)
    return converted


@clause("9.3.3")
def round_samples(*, values: I32Map, bit_depth: int, sample_range: tuple[int, int]) -> U16Map:
    """Round to units of a sample, centre and clip.

    Parameters
    ----------
    values : (C, H, W), 1/8 of an 8-bit sample times 2**13, around 0.
    bit_depth : 8 to 16.
    sample_range : smallest and largest sample.
    """
    shift = COEFFICIENT_BITS + SAMPLE_FRACTION - (bit_depth - 8)
    rounded = values + (1 << (shift - 1))
    rounded >>= shift
    rounded += 1 << (bit_depth - 1)
    samples: U16Map = np.clip(rounded, *sample_range, out=rounded).astype(np.uint16)
    return samples
