# SPDX-License-Identifier: Apache-2.0
"""Profiles and levels, Annex A. The limits of the levels are `spec/tables/levels.json`."""

import json
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from refdec.resources import spec_path


class Profile(IntEnum):
    """Values of profile_idc."""

    SIMPLE = 0
    MAIN = 1


@dataclass(frozen=True, kw_only=True)
class Level:
    """Limits that a picture of one level keeps, and that a decoder of the level provides for."""

    level_idc: int
    max_samples: int
    """Luma samples of the picture."""
    max_side: int
    """Luma samples of a row or a column."""
    max_tiles: int
    max_residual_segments: int
    """Layers times tiles."""
    max_lanes: int
    max_memory_mib: int
    """Working memory that a decoder may need, in MiB."""


NUM_LEVELS = 6


@cache
def levels() -> dict[int, Level]:
    """Return the levels by level_idc, in increasing order."""
    table = json.loads(spec_path("tables", "levels.json").read_text(encoding="utf-8"))
    return {row["level_idc"]: Level(**row) for row in table["levels"]}
