# SPDX-License-Identifier: Apache-2.0
"""Point T: samples within a tolerance of the right ones, for each component.

A case may carry ``valid.tolerance`` with ``peak`` and ``rms``, a limit for each component in steps
of the sample value. A decoder is judged at point T by the cases that do.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case
from conformance.judge.difference import references


def component_errors(
    expected: NDArray[Any], actual: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the peak and the RMS error of each component of two (C, H, W) pictures."""
    error = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    return error.max(axis=(1, 2)), np.sqrt(np.mean(error**2, axis=(1, 2)))


def tolerated(case: Case, samples: NDArray[Any]) -> str:
    """Say by how much samples exceed the limits of a case.

    Parameters
    ----------
    samples : (C, H, W), of the right shape and bit depth.

    Returns
    -------
    Empty where they are within the limits of one of the right pictures.
    """
    limits = case.manifest["valid"]["tolerance"]
    excesses = []
    for name, right in references(case):
        peak, rms = component_errors(right, samples)
        worst = [
            f"{kind} error {error:g} of component {index} exceeds {limit:g} ({name})"
            for kind, errors in (("peak", peak), ("rms", rms))
            for index, (error, limit) in enumerate(zip(errors, limits[kind], strict=True))
            if not error <= limit
        ]
        if not worst:
            return ""
        excesses.append(worst[0])
    return "; ".join(excesses)
