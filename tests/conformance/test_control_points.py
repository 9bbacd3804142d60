# SPDX-License-Identifier: Apache-2.0
import pytest

from conformance.case import Case, load_suite
from conformance.control_points import ControlPoints, first_difference, intervals
from conformance.judge import Verdict, reference_judge
from refdec.decoding import decode
from refdec.entropy import context

CASE = load_suite(["structure/tiles-odd-phase"])[0]


def test_intervals() -> None:
    assert intervals({8, 9, 10, 12}) == "8-10 12"
    assert intervals(set()) == ""


def test_first_difference_is_named_in_decoding_order() -> None:
    expected = {"z_hat": "aa", "tile0/group0/phase0": "aa bb cc dd ee", "picture": "ff"}
    assert first_difference(expected, dict(expected)) is None
    later = expected | {"picture": "00", "tile0/group0/phase0": "aa bb 00 dd 00"}
    assert first_difference(expected, later) == "tile0/group0/phase0/residual"
    assert first_difference(expected, expected | {"picture": "00"}) == "picture"
    assert first_difference(expected, {"z_hat": "aa"}) == "tile0/group0/phase0"


def test_manifest_holds_the_points_of_every_tile() -> None:
    points = ControlPoints()
    decode(CASE.stream, synthesis="base", trace=points)
    assert points.digests == CASE.manifest["valid"]["control_points"]
    assert sum(name.startswith("tile3/") for name in points.digests) > 2


@pytest.mark.parametrize(
    ("name", "stage"),
    [("derive_scale_idx", "scale_idx"), ("dequantise", "y_hat")],
)
def test_broken_stage_is_named(name: str, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(context, name)
    monkeypatch.setattr(context, name, lambda **inputs: right(**inputs) + 1)
    result = reference_judge("numpy")(broken_case())
    assert result.verdict in {Verdict.FAIL, Verdict.REJECTED}
    if result.verdict is Verdict.FAIL:
        assert result.detail.endswith(stage)


def broken_case() -> Case:
    return load_suite(["syntax/minimal"])[0]
