# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

from refdec.syntax.profiles import NUM_LEVELS, levels


def test_levels_grow() -> None:
    table = list(levels().values())
    assert [level.level_idc for level in table] == list(range(1, NUM_LEVELS + 1))
    for lower, higher in pairwise(table):
        assert lower.max_samples < higher.max_samples
        assert lower.max_side <= higher.max_side
        assert lower.max_tiles <= higher.max_tiles
        assert lower.max_residual_segments <= higher.max_residual_segments
        assert lower.max_lanes <= higher.max_lanes


def test_highest_level_holds_8192_by_8192() -> None:
    level = levels()[NUM_LEVELS]
    assert level.max_samples >= 8192 * 8192
    assert level.max_side >= 8192
