# SPDX-License-Identifier: Apache-2.0
"""The choice between lossy and exact coding."""

import numpy as np
import pytest

from refdec.decoding import decode
from refenc.choose import exact_instead, may_fit
from refenc.encode import encode
from refenc.exact import encode_exact
from tests.pictures import photograph

DRAWING = np.zeros((3, 64, 64), np.uint8)
DRAWING[:, ::7] = 200
DRAWING[1, :, ::5] = 90


def choice(samples: np.ndarray, effort: int, limit: int | None = None) -> int | None:
    lossy = encode(samples, quality=40)
    exact = exact_instead(
        lossy,
        samples,
        limit=len(lossy) if limit is None else limit,
        effort=effort,
        encode_within=lambda error: encode_exact(samples, max_error=error),
    )
    if exact is None:
        return None
    difference = np.abs(decode(exact.data).samples.astype(int) - samples)
    assert difference.max() <= exact.max_error
    return exact.max_error


def test_drawings_are_coded_without_loss() -> None:
    assert may_fit(DRAWING, DRAWING.nbytes)
    assert choice(DRAWING, effort=1) == 0


def test_no_effort_keeps_the_lossy_coding() -> None:
    assert choice(DRAWING, effort=0) is None


@pytest.mark.parametrize("effort", [1, 2])
def test_photographs_stay_lossy(effort: int) -> None:
    samples = photograph(3, 64, 64)
    assert not may_fit(samples, samples.nbytes)
    assert choice(samples, effort=effort) is None


def test_photographs_with_flat_parts_are_not_tried_for_nothing() -> None:
    samples = photograph(3, 64, 64)
    samples[:, :32] = 255
    pixels = 64 * 64
    assert may_fit(samples, pixels)
    assert not may_fit(samples, pixels // 16)


def test_an_exact_coding_keeps_to_the_limit() -> None:
    assert choice(DRAWING, effort=1, limit=10) is None


def test_a_larger_error_is_taken_where_only_that_fits() -> None:
    noisy = photograph(3, 64, 64)
    sizes = [len(encode_exact(noisy, max_error=error)) for error in (0, 1, 2)]
    assert choice(noisy, effort=2, limit=sizes[1]) in {None, 1}
    lossy = encode(noisy, quality=5)
    exact = exact_instead(
        lossy,
        noisy,
        limit=sizes[1],
        effort=2,
        encode_within=lambda error: encode_exact(noisy, max_error=error),
    )
    assert exact is not None
    assert exact.max_error == 1
