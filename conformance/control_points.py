# SPDX-License-Identifier: Apache-2.0
"""Digests of the tensors between the stages, so that the first wrong stage can be named.

A digest is the first 16 hexadecimal digits of the SHA-256 of the tensor as big-endian 32-bit
integers in C, H, W order; `refdec trace` prints the same digests in full. In ``case.json`` the
five tensors of a group and phase stand in one line, in the order of `STEP_TENSORS`, and so do the
parts that the tiles have in a tensor of the whole picture, in the order of the tiles.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from refdec.arrays import I32Map
from refdec.decoding import decode, parse
from refdec.entropy.tables import load_residual_tables
from refdec.picture import Picture

DIGITS = 16
RANGES = ("residual", "y_hat", "z_hat", "scale_idx", "picture")
STEP_TENSORS = ("scale_idx", "mask", "residual", "mean", "y_hat")
LAST = ("enhanced", "enhanced_chroma", "alpha")
"""What is decoded after the lossy picture."""
_STEP = re.compile(r"(.*/phase\d+)/\w+")
_FRAME = re.compile(r"frame\d+/")
_TILE = re.compile(r"(.*?)tile\d+/((?!transform_idx|y_hat|group).*)")


class ControlPoints:
    """Collect the digests and the ranges of a decoding; pass an instance as `trace`."""

    def __init__(self) -> None:
        self.reported: dict[str, str] = {}
        """By control point, in decoding order; each tensor and each part of a tile by itself."""
        self.tables: set[int] = set()
        """Probability tables that a residual was coded with."""
        self.ranges: dict[str, tuple[int, int]] = {}
        """Smallest and largest value, of the tensors in `RANGES`."""
        self.transforms: set[int] = set()
        """Block transforms of the positions."""
        self.escape_lengths: set[int] = set()
        """Leading zeros of the codes of escaped residuals."""
        self._scale_idx = np.zeros(0, np.int32)

    @property
    def digests(self) -> dict[str, str]:
        """Those of whole tensors, as ``case.json`` has them."""
        found: dict[str, str] = {}
        for name, digest in self.reported.items():
            if (step := _STEP.fullmatch(name)) is not None:
                known = found.get(step[1])
                found[step[1]] = digest if known is None else f"{known} {digest}"
            elif _TILE.fullmatch(name) is None:
                found[name] = digest
        return found

    @property
    def tiles(self) -> dict[str, str]:
        """Those of the parts of tiles, by the name of the whole, as ``case.json`` has them."""
        found: dict[str, str] = {}
        for name, digest in self.reported.items():
            part = _TILE.fullmatch(name)
            if part is not None and _STEP.fullmatch(name) is None:
                known = found.get(part[1] + part[2])
                found[part[1] + part[2]] = digest if known is None else f"{known} {digest}"
        return found

    def __call__(self, name: str, value: I32Map) -> None:
        """Take one tensor."""
        self.reported[name] = hashlib.sha256(value.astype(">i4").tobytes()).hexdigest()[:DIGITS]
        last = name.rpartition("/")[2]
        if last == "transform_idx":
            self.transforms |= set(value.ravel().tolist())
        elif last == "scale_idx":
            self._scale_idx = value
        elif last == "mask":
            self.tables |= set(self._scale_idx[value != 0].tolist())
        if last == "residual":
            bounds = load_residual_tables().tables.bounds[self._scale_idx]
            codes = (np.abs(value) - bounds)[np.abs(value) > bounds]
            self.escape_lengths |= {code.bit_length() - 1 for code in codes.tolist()}
        if last in RANGES:
            low, high = self.ranges.get(last, (int(value.flat[0]), int(value.flat[0])))
            self.ranges[last] = min(low, int(value.min())), max(high, int(value.max()))


def trace_stream(
    data: bytes, points: ControlPoints, *, verify: bool = False, backend: str = "auto"
) -> Picture:
    """Decode a stream by way of all its control points; of an animation the first frame.

    Returns the lossy picture of transform `base` where there is one, else the enhanced one.
    """
    tools = parse(data).tools
    if not tools.base_flag:
        return decode(data, verify=verify, backend=backend, trace=points)
    picture = decode(data, verify=verify, backend=backend, synthesis="base", trace=points)
    if tools.enhancement_flag or tools.alpha_flag:
        best = ControlPoints()
        decode(data, verify=verify, backend=backend, trace=best)
        points.reported |= {
            name: digest
            for name, digest in best.reported.items()
            if name.rpartition("/")[2] in LAST
        }
    return picture


def right_digests(valid: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Yield the control points of a valid case in decoding order, each with its right digests.

    There are two where the synthesis transforms differ. The parts of tiles stand before the whole.
    """
    simple = valid.get("simple", {})
    tiles, other_tiles = valid.get("tiles", {}), simple.get("tiles", {})
    for name, digests in valid["control_points"].items():
        parts = tiles.get(name, "").split()
        others = other_tiles.get(name, "").split() or parts
        frame = found[0] if (found := _FRAME.match(name)) else ""
        for index, right in enumerate(zip(parts, others, strict=True)):
            yield f"{frame}tile{index}/{name.removeprefix(frame)}", set(right)
        wanted = digests.split()
        if _STEP.fullmatch(f"{name}/y_hat") is not None:
            yield from (
                (f"{name}/{tensor}", {digest})
                for tensor, digest in zip(STEP_TENSORS, wanted, strict=True)
            )
        else:
            yield name, {digests, simple.get("control_points", {}).get(name, digests)}


def first_difference(
    valid: Mapping[str, Any], reported: Mapping[str, str], *, is_complete: bool = False
) -> tuple[str, int]:
    """Name the first control point, in decoding order, that a decoder reports otherwise.

    Parameters
    ----------
    valid : what ``case.json`` says of a valid stream.
    reported : SHA-256 by name, of any subset of the control points; at least 16 digits each.
    is_complete : a control point that is not reported is wrong.

    Returns
    -------
    Its name, empty where all agree, and how many agree before it. Names that the case does not
    know do not count.
    """
    agreeing = 0
    for name, right in right_digests(valid):
        if name in reported and reported[name][:DIGITS].lower() in right:
            agreeing += 1
        elif name in reported or is_complete:
            return name, agreeing
    return "", agreeing


def intervals(numbers: set[int]) -> str:
    """Write a set of integers as ``8-61 63``."""
    ordered = sorted(numbers)
    starts = [n for n in ordered if n - 1 not in numbers]
    ends = [n for n in ordered if n + 1 not in numbers]
    return " ".join(f"{a}-{b}" if a < b else str(a) for a, b in zip(starts, ends, strict=True))
