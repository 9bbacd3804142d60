# SPDX-License-Identifier: Apache-2.0
"""Visual masking: where texture hides errors the quantiser may make more of them (Annex E.3)."""

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import BoolMap, I32Map

STRENGTH = 0.15
"""By how much the log of the weight falls with the log of the activity."""
FLOOR = 512.0
"""Activity, squared latent units, that counts as none."""
CLASSES = 5
CLASS_PITCH = 0.5
"""Base 2 logarithm of the weights of neighbouring classes."""


def masking_classes(y: NDArray[np.float32], luma: BoolMap) -> I32Map:
    """Return the class of each latent position (h16, w16), 0 (hides most) to CLASSES - 1.

    The activity of a position is the energy of its luma coefficients without the mean; a class
    tells it from the picture's mean, in the log domain.

    Parameters
    ----------
    y : (C, h16, w16), latent.
    luma : (C,), channels of the luma component, the mean first.
    """
    activity = np.square(y[luma][1:]).sum(0) / 16
    log = np.log2(activity + FLOOR)
    classes = np.rint((log.mean() - log) * STRENGTH / CLASS_PITCH) + CLASSES // 2
    clipped: I32Map = np.clip(classes, 0, CLASSES - 1).astype(np.int32)
    return clipped


def weights_of_classes(weight: float) -> NDArray[np.float32]:
    """Return the weight of each class (CLASSES,), given that of the middle one."""
    exponents = (np.arange(CLASSES, dtype=np.float32) - CLASSES // 2) * CLASS_PITCH
    weights: NDArray[np.float32] = np.float32(weight) * np.exp2(exponents)
    return weights
