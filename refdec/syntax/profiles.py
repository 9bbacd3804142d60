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
    HIGH = 2


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the codestreams of one profile may use, and a decoder of the profile has."""

    profile_idc: int
    max_bit_depth: int
    ycc_samples: int
    """1: Y, Cb, Cr, and with them subsampled chroma."""
    lossless_tools: int
    """1: enhancement and alpha."""
    animation: int


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
def _tables() -> dict[str, list[dict[str, int]]]:
    tables: dict[str, list[dict[str, int]]] = json.loads(
        spec_path("tables", "levels.json").read_text(encoding="utf-8")
    )
    return tables


@cache
def profiles() -> dict[int, Tools]:
    """Return the tools by profile_idc; each profile has those of the ones before it."""
    return {row["profile_idc"]: Tools(**row) for row in _tables()["profiles"]}


@cache
def levels() -> dict[int, Level]:
    """Return the levels by level_idc, in increasing order."""
    return {row["level_idc"]: Level(**row) for row in _tables()["levels"]}
