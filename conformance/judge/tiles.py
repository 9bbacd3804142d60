# SPDX-License-Identifier: Apache-2.0
"""Which tiles of a picture are wrong: the digests of ``case.json`` tell, without any decoding."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case
from conformance.control_points import ControlPoints
from refdec.decoding import parse
from refdec.still import with_tiles

MAX_NAMED = 8
"""Longer lists of tiles are cut."""


class WrongTiles(NamedTuple):
    """The tiles of a picture that differ from the right picture that comes closest."""

    stage: str
    """The control point of the first, such as ``tile2/picture``; empty where there are no tiles."""
    text: str


def wrong_tiles(case: Case, planes: Sequence[NDArray[Any]]) -> WrongTiles:
    """Compare the tiles of a wrong picture with their digests.

    Parameters
    ----------
    planes : of a still, (H, W) each, of the right sizes, alpha last.
    """
    valid = case.manifest["valid"]
    if "tiles" not in valid or "frames" in valid:
        return WrongTiles("", "")
    found = picture_points(case, planes).tiles
    right = [valid["tiles"], valid["tiles"] | valid.get("simple", {}).get("tiles", {})]
    differing = [
        [
            (index, name)
            for name, digests in found.items()
            for index, pair in enumerate(zip(digests.split(), tiles[name].split(), strict=True))
            if len(set(pair)) > 1
        ]
        for tiles in right
    ]
    fewest = min(len(places) for places in differing)
    places = sorted(next(places for places in differing if len(places) == fewest))
    if not places:
        return WrongTiles("", "")
    (first, name), tiles = places[0], sorted({index for index, _ in places})
    listed = ", ".join(map(str, tiles[:MAX_NAMED])) + (", ..." if len(tiles) > MAX_NAMED else "")
    total = len(found[name].split())
    return WrongTiles(f"tile{first}/{name}", f"tile {listed} of {total} tiles")


def picture_points(case: Case, planes: Sequence[NDArray[Any]]) -> ControlPoints:
    """Return the control points that are parts of a picture, by what the case says it is."""
    header, points = parse(case.stream).picture_header, ControlPoints()
    kind = "enhanced" if "E" in case.manifest["valid"]["digests"] else "picture"
    show = with_tiles(points, header)
    for name, group in zip((kind, f"{kind}_chroma"), header.plane_groups, strict=False):
        show(name, np.stack(planes[group.components]).astype(np.int32))
    if "A" in case.manifest["valid"]["digests"]:
        show("alpha", planes[-1].astype(np.int32))
    return points
