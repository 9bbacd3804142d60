# SPDX-License-Identifier: Apache-2.0
import pytest

from conformance.case import Case, load_suite
from conformance.control_points import (
    ControlPoints,
    first_difference,
    intervals,
    trace_stream,
)
from conformance.judge import Verdict, reference, reference_judge
from refdec.entropy import context
from refdec.entropy.residual import LayeredResiduals
from refdec.errors import MalformedStream

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
    begun = {"z_hat": "aa", "tile0/group0/phase0": "aa bb"}
    assert first_difference(expected, begun) == "tile0/group0/phase0/residual"


def test_manifest_holds_the_points_of_every_tile() -> None:
    points = ControlPoints()
    trace_stream(CASE.stream, points)
    assert points.digests.items() >= CASE.manifest["valid"]["control_points"].items()
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


def test_stage_is_named_where_the_decoder_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object) -> None:
        message = "no residual"
        raise MalformedStream(message)

    monkeypatch.setattr(LayeredResiduals, "__call__", give_up)
    result = reference_judge("numpy")(broken_case())
    assert result.verdict is Verdict.REJECTED
    assert result.stage == "tile0/group0/phase0/residual"


def test_stage_after_all_control_points_is_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_shows", lambda *_: False)
    assert reference_judge("numpy")(broken_case()).stage == reference.SHOWN
    monkeypatch.undo()
    assert reference_judge("numpy")(broken_case()).stage == ""


def test_enhanced_samples_over_a_lossy_base_are_a_control_point() -> None:
    points = ControlPoints()
    trace_stream(load_suite(["lossless/over-base"])[0].stream, points)
    names = list(points.digests)
    assert names.index("picture") == names.index("enhanced") - 1


def broken_case() -> Case:
    return load_suite(["syntax/minimal"])[0]
