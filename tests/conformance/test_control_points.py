# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from conformance.case import Case, load_suite
from conformance.control_points import (
    STEP_TENSORS,
    ControlPoints,
    first_difference,
    intervals,
    trace_stream,
)
from conformance.describe import describe
from conformance.judge import Verdict, reference, reference_judge
from conformance.judge.picture_files import Frame
from conformance.judge.scoring import score_frames
from conformance.recipes import all_recipes
from refdec.decoding import decode
from refdec.entropy import context
from refdec.entropy.residual import LayeredSubstreams
from refdec.errors import MalformedStream

CASE = load_suite(["structure/tiles-odd-phase"])[0]


def test_intervals() -> None:
    assert intervals({8, 9, 10, 12}) == "8-10 12"
    assert intervals(set()) == ""


VALID = {
    "control_points": {"z_hat": "aa", "tile0/group0/phase0": "aa bb cc dd ee", "picture": "ff"},
    "tiles": {"picture": "f0 f1"},
    "simple": {"control_points": {"picture": "55"}, "tiles": {"picture": "50 f1"}},
}
RIGHT = {
    "z_hat": "aa",
    **{
        f"tile0/group0/phase0/{name}": digest
        for name, digest in zip(STEP_TENSORS, ("aa", "bb", "cc", "dd", "ee"), strict=True)
    },
    "tile0/picture": "f0",
    "tile1/picture": "f1",
    "picture": "ff",
}


def differing(**changed: str) -> tuple[str, int]:
    return first_difference(VALID, RIGHT | changed)


def test_first_difference_is_named_in_decoding_order() -> None:
    assert differing() == ("", 9)
    step = "tile0/group0/phase0"
    assert differing(**{"picture": "00", f"{step}/residual": "00", f"{step}/y_hat": "00"}) == (
        f"{step}/residual",
        3,
    )
    assert differing(picture="00") == ("picture", 8)


def test_any_subset_may_be_reported_and_unknown_names_do_not_count() -> None:
    assert first_difference(VALID, {}) == ("", 0)
    assert first_difference(VALID, {"tile1/picture": "F1", "own": "00"}) == ("", 1)
    assert first_difference(VALID, {"tile1/picture": "00", "picture": "00"}) == ("tile1/picture", 0)
    assert first_difference(VALID, {"z_hat": "aa"}, is_complete=True) == (
        "tile0/group0/phase0/scale_idx",
        1,
    )


def test_both_synthesis_transforms_are_right() -> None:
    assert differing(**{"tile0/picture": "50", "picture": "55"}) == ("", 9)


def test_digests_of_tiles_are_those_of_the_parts() -> None:
    points, pictures = ControlPoints(), {}

    def both(name: str, value: np.ndarray) -> None:
        points(name, value)
        pictures[name] = value

    decode(CASE.stream, synthesis="base", trace=both)
    whole, parts = pictures["picture"], [pictures[f"tile{index}/picture"] for index in range(4)]
    rows = [np.concatenate(parts[:2], axis=2), np.concatenate(parts[2:], axis=2)]
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), whole)
    assert len(points.tiles["picture"].split()) == 4
    assert "synthesis/synthesis_simple/blocks" in points.tiles
    assert "synthesis/synthesis_simple/shifted" not in points.tiles
    assert not any("/phase" in name for name in points.tiles if "synthesis" not in name)
    single = ControlPoints()
    decode(load_suite(["picture/size-7x5"])[0].stream, trace=single)
    assert single.tiles == {}


def test_manifest_holds_the_points_of_every_tile() -> None:
    points = ControlPoints()
    trace_stream(CASE.stream, points)
    assert points.digests.items() >= CASE.manifest["valid"]["control_points"].items()
    assert sum(name.startswith("tile3/group") for name in points.digests) > 2


def described(name: str) -> Case:
    case = load_suite([name])[0]
    return replace(case, manifest=describe(all_recipes()[name], case.stream))


@pytest.mark.parametrize(
    ("name", "place", "stage"),
    [
        ("structure/tiles-odd-phase", (0, 3, 70), "tile1/picture"),
        ("structure/tiles-odd-phase", (2, 66, 71), "tile3/picture"),
        ("lossless/tiles", (1, 69, 0), "tile3/enhanced"),
        ("format/ycc-420-tiles-layers", (1, 40, 48), "tile3/picture_chroma"),
        ("alpha/layers-tiles", (3, 0, 64), "tile1/alpha"),
    ],
)
def test_the_first_wrong_tile_of_an_output_is_named(
    name: str, place: tuple[int, int, int], stage: str
) -> None:
    case, (plane, row, column) = described(name), place
    for transform in ("simple", None):
        picture = decode(case.stream, synthesis=transform)
        alpha = [] if picture.alpha is None else [picture.alpha]
        planes = [found.copy() for found in (*picture.planes, *alpha)]
        planes[plane][row, column] ^= 1
        if transform == "simple" and "E" in case.manifest["valid"]["digests"]:
            continue
        frame = Frame(tuple(planes), None)
        score = score_frames(case, [frame], ("S",), picture_format="raw")["S"]
        assert (score.verdict, score.stage) == (Verdict.FAIL, stage)
        assert f"tile {stage[4]} of " in score.detail


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

    monkeypatch.setattr(LayeredSubstreams, "residual", give_up)
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
