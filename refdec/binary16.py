# SPDX-License-Identifier: Apache-2.0
"""IEEE 754 binary16 numbers as samples: integers of 16 bits in the order of the numbers."""

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import U16Map
from refdec.clause import clause

F16Map = NDArray[np.float16]
_SIGN = 0x8000


@clause("9.5")
def numbers_of_samples(samples: U16Map) -> F16Map:
    """Return the numbers that samples stand for."""
    bits = np.where(samples >= _SIGN, samples - _SIGN, 0xFFFF - samples)
    return bits.astype(np.uint16).view(np.float16)


def samples_of_numbers(numbers: F16Map) -> U16Map:
    """Return the samples of numbers; NaN and infinities have some outside the range."""
    bits = np.ascontiguousarray(numbers, np.float16).view(np.uint16).astype(np.int32)
    samples = np.where(bits < _SIGN, bits + _SIGN, 0xFFFF - bits)
    return samples.astype(np.uint16)
