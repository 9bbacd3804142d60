# SPDX-License-Identifier: Apache-2.0
"""Frequency tables chosen by what the context has shown so far."""

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I64Map
from refdec.clause import clause


def _compute(value: I64Map) -> I64Map:
    successor = value + 1
    exponent = np.frexp(successor.astype(np.float64))[1].astype(np.int64) - 1
    return 4 * exponent + ((4 * successor) >> exponent) - 4


LEVELS = _compute(np.arange(1 << 14))
"""The levels of the values that 8-bit samples have."""


@clause("12.8.1")
def level(value: NDArray[np.int64]) -> I64Map:
    """Logarithmic level of values from 0: four levels an octave of value + 1."""
    try:
        return LEVELS.take(value)
    except IndexError:
        return _compute(value)


class MeanTracker:
    """Mean of what each context has seen, the older the less.

    Parameters
    ----------
    start : (contexts) first means, in units of 2**-fraction_bits.
    fraction_bits : resolution of the means.
    """

    START_COUNT = 4
    COUNT_LIMIT = 255

    def __init__(self, start: I64Map, fraction_bits: int) -> None:
        self._fraction_bits = fraction_bits
        self._count = np.full(start.shape, self.START_COUNT, np.int64)
        self._sum = (start * self.START_COUNT) >> fraction_bits

    @property
    def size(self) -> int:
        """Number of contexts."""
        return self._count.size

    @clause("12.8.2")
    def mean_levels(self, context: I64Map) -> I64Map:
        """Level of the mean of each context; (n) to (n)."""
        mean = (self._sum[context] << self._fraction_bits) // self._count[context]
        return level(mean)

    @clause("12.8.3")
    def update_means(self, context: I64Map, value: I64Map) -> None:
        """Count the values (n), at least 0, that the contexts (n) have shown."""
        size = self._count.size
        self._count += np.bincount(context, minlength=size)
        self._sum += np.bincount(context, weights=value, minlength=size).astype(np.int64)
        while (full := self._count > self.COUNT_LIMIT).any():
            self._count[full] >>= 1
            self._sum[full] >>= 1
