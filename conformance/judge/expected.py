# SPDX-License-Identifier: Apache-2.0
"""What ``case.json`` says a decoder shall give: one place that knows its ``valid`` object.

Beside what every valid case has, a picture may have ``alpha_bit_depth``, and ``chroma_format``
``"4:2:2"`` or ``"4:2:0"`` where the planes of Cb and Cr are smaller; its digests may have ``A``, of
the alpha plane. An animation has ``frames`` instead of ``digests``: a list of objects with the
``digests`` of what is shown, frame by frame.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case
from refdec.picture import picture_digest

SUBSAMPLING = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
"""Rows and columns of luma for one of chroma."""


class Plane(NamedTuple):
    """The geometry of one plane."""

    height: int
    width: int
    bit_depth: int
    is_float: bool = False
    """The samples stand for binary16 numbers (9.5)."""


def expected_planes(case: Case) -> tuple[Plane, ...]:
    """Return the planes of each picture of a valid case, in order, alpha last."""
    picture = case.manifest["valid"]["picture"]
    height, width, depth = picture["height"], picture["width"], picture["bit_depth"]
    rows, columns = SUBSAMPLING[picture.get("chroma_format", "4:4:4")]
    is_float = "binary16" in case.manifest["features"]
    smaller = Plane(-(-height // rows), -(-width // columns), depth, is_float)
    planes = [Plane(height, width, depth, is_float), *[smaller] * (picture["components"] - 1)]
    if "alpha_bit_depth" in picture:
        planes.append(Plane(height, width, picture["alpha_bit_depth"]))
    return tuple(planes)


def expected_digests(case: Case) -> list[dict[str, Any]]:
    """Return the digests of each picture of a valid case; a still has one picture."""
    valid = case.manifest["valid"]
    return [frame["digests"] for frame in valid.get("frames", [valid])]


def right_picture(
    digests: dict[str, Any], planes: Sequence[NDArray[Any]], geometry: Sequence[Plane]
) -> str | None:
    """Say by which way of decoding a picture comes out like this; None if by none.

    Parameters
    ----------
    digests : of what it shall be.
    planes : unsigned, of the right sizes and bit depths.
    """
    if "A" in digests:
        if _digest(planes[-1:], geometry[-1].bit_depth) != digests["A"]:
            return None
        planes = planes[:-1]
    found = _digest(planes, geometry[0].bit_depth)
    if "E" in digests:
        return "enhanced" if found == digests["E"] else None
    names = (name for name, wanted in digests["S"].items() if found == wanted)
    name = next(names, None)
    return None if name is None else f"synthesis {name}"


def _digest(planes: Sequence[NDArray[Any]], bit_depth: int) -> str:
    """Hash planes, of whatever sizes, one after the other."""
    values = np.concatenate([plane.reshape(-1) for plane in planes])
    return picture_digest(samples=values[None, None], bit_depth=bit_depth)
