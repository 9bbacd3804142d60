# SPDX-License-Identifier: Apache-2.0
"""Show where a wrong result differs from the right one, which the reference decoder makes."""

import base64
import io
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case, SuiteError
from conformance.judge.verdict import Difference
from refdec.decoding import decode, decode_latents

PICTURE_SIDE = 192
"""Largest side, in samples, of the pictures beside a verdict."""
Values = NDArray[Any]


@lru_cache(maxsize=4)
def reference_samples(case_id: str, stream: bytes, synthesis: str | None) -> Values:
    """Decode a stream; `case_id` only tells the cache what is asked for."""
    del case_id
    return decode(stream, synthesis=synthesis).samples


def references(case: Case) -> Iterator[tuple[str, Values]]:
    """Yield the right pictures of a valid case, with their names."""
    digests = case.manifest["valid"]["digests"]
    if "E" in digests:
        yield "enhanced samples", reference_samples(case.id, case.stream, None)
    else:
        for transform in digests["S"]:
            name = f"synthesis {transform}"
            yield name, reference_samples(case.id, case.stream, transform)


def nearest_difference(case: Case, samples: Values) -> Difference | None:
    """Compare wrong samples with the right picture that comes closest.

    Parameters
    ----------
    samples : (C, H, W), of a digest that the case does not have.

    Returns
    -------
    None where the right pictures are of another shape.

    Raises
    ------
    SuiteError
        The reference decoder gives these samples, too: it and ``case.json`` disagree.
    """
    depth = case.manifest["valid"]["picture"]["bit_depth"]
    found = [
        (difference(right, samples, name), right)
        for name, right in references(case)
        if right.shape == samples.shape
    ]
    if any(item is None for item, _ in found):
        message = f"{case.id}: its case.json and the reference decoder disagree"
        raise SuiteError(message)
    if not found:
        return None
    (nearest, right) = min(
        ((item, right) for item, right in found if item is not None), key=lambda pair: pair[0].rms
    )
    shown = {
        "expected": right.astype(np.int64),
        "actual": samples.astype(np.int64),
        "difference": np.abs(right.astype(np.int64) - samples.astype(np.int64)),
    }
    peak = {"difference": max(int(nearest.peak), 1)}
    pictures = {
        name: _png(planes, nearest, peak.get(name, (1 << depth) - 1))
        for name, planes in shown.items()
    }
    return Difference(**(vars(nearest) | {"pictures": pictures}))


def latent_difference(case: Case, y_hat: Values) -> Difference | None:
    """Compare latents with the right ones; None where nothing differs or the shape is wrong."""
    right = decode_latents(case.stream).y_hat
    return difference(right, y_hat, "latents y_hat") if right.shape == y_hat.shape else None


def difference(expected: Values, actual: Values, reference: str) -> Difference | None:
    """Describe how two (C, H, W) arrays differ; None if they do not."""
    error = actual.astype(np.float64) - expected.astype(np.float64)
    places = np.argwhere(error != 0)
    if not len(places):
        return None
    plane, y, x = (int(index) for index in places[0])
    return Difference(
        plane=plane,
        y=y,
        x=x,
        expected=expected[plane, y, x].item(),
        actual=actual[plane, y, x].item(),
        count=len(places),
        total=int(error.size),
        peak=float(np.abs(error).max()),
        rms=round(float(np.sqrt(np.mean(error**2))), 6),
        reference=reference,
    )


def _png(planes: Values, near: Difference, peak: int) -> str:
    """Return a cut around the first wrong sample as PNG in base64, `peak` as white."""
    from PIL import Image  # noqa: PLC0415

    top, left = (
        max(min(at - PICTURE_SIDE // 2, size - PICTURE_SIDE), 0)
        for at, size in zip((near.y, near.x), planes.shape[1:], strict=True)
    )
    cut = planes[:3, top : top + PICTURE_SIDE, left : left + PICTURE_SIDE]
    samples = (np.clip(cut, 0, peak) * 255 // peak).astype(np.uint8)
    colours = samples.transpose(1, 2, 0) if len(samples) == 3 else samples[0]  # noqa: PLR2004
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(colours)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
