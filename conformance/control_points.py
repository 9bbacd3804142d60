# SPDX-License-Identifier: Apache-2.0
"""Digests of the tensors between the stages, so that the first wrong stage can be named.

A digest is the first 16 hexadecimal digits of the SHA-256 of the tensor as big-endian 32-bit
integers in C, H, W order; `refdec trace` prints the same digests in full. The five tensors of a
group and phase stand in one line, in the order of `STEP_TENSORS`.
"""

import hashlib

import numpy as np

from refdec.arrays import I32Map
from refdec.decoding import decode, parse
from refdec.entropy.tables import load_residual_tables
from refdec.picture import Picture

DIGITS = 16
RANGES = ("residual", "y_hat", "z_hat", "picture")
STEP_TENSORS = ("scale_idx", "mask", "residual", "mean", "y_hat")


class ControlPoints:
    """Collect the digests and the ranges of a decoding; pass an instance as `trace`."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        """By control point, in decoding order."""
        self.tables: set[int] = set()
        """Probability tables that a residual was coded with."""
        self.ranges: dict[str, tuple[int, int]] = {}
        """Smallest and largest value, of residual, y_hat, z_hat and picture."""
        self.escape_lengths: set[int] = set()
        """Leading zeros of the codes of escaped residuals."""
        self._scale_idx = np.zeros(0, np.int32)

    def __call__(self, name: str, value: I32Map) -> None:
        """Take one tensor."""
        digest = hashlib.sha256(value.astype(">i4").tobytes()).hexdigest()[:DIGITS]
        parent, _, last = name.rpartition("/")
        if "/phase" in name and last in STEP_TENSORS:
            known = self.digests.get(parent)
            self.digests[parent] = digest if known is None else f"{known} {digest}"
        else:
            self.digests[name] = digest
        if last == "scale_idx":
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

    def take_enhanced(self, name: str, value: I32Map) -> None:
        """Take one tensor if it is of the enhanced picture."""
        if name.rpartition("/")[2].startswith("enhanced"):
            self(name, value)


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
    if tools.enhancement_flag:
        decode(data, verify=verify, backend=backend, trace=points.take_enhanced)
    return picture


def first_difference(expected: dict[str, str], actual: dict[str, str]) -> str | None:
    """Name the first control point, in decoding order, whose digests differ; None if all agree."""
    for name, digests in expected.items():
        wanted, found = digests.split(), actual.get(name, "").split()
        same = next((i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), -1)
        if same < 0 and len(found) == len(wanted):
            continue
        index = len(found) if same < 0 else same
        is_step = len(wanted) > 1 and len(found) > 0 and index < len(wanted)
        return f"{name}/{STEP_TENSORS[index]}" if is_step else name
    return None


def intervals(numbers: set[int]) -> str:
    """Write a set of integers as ``8-61 63``."""
    ordered = sorted(numbers)
    starts = [n for n in ordered if n - 1 not in numbers]
    ends = [n for n in ordered if n + 1 not in numbers]
    return " ".join(f"{a}-{b}" if a < b else str(a) for a, b in zip(starts, ends, strict=True))
