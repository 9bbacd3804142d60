# SPDX-License-Identifier: Apache-2.0
"""Point T: limits for each component, and impostors that exceed them."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from conformance.__main__ import main
from conformance.case import Case, load_suite
from conformance.judge.picture_files import Frame
from conformance.judge.running import Request, select
from conformance.judge.scoring import score_frames
from conformance.tolerance_power import measure_power, proposed_limits
from refdec.decoding import decode


def tolerant(name: str, limits: dict[str, list[float]]) -> Case:
    case = load_suite([name])[0]
    manifest = copy.deepcopy(case.manifest)
    manifest["valid"]["tolerance"] = limits
    return replace(case, manifest=manifest)


CASE = tolerant("picture/size-17x33", {"peak": [2.0, 2.0, 1.0], "rms": [0.3, 0.3, 0.1]})


def verdict(samples: np.ndarray) -> dict[str, str]:
    scores = score_frames(CASE, [Frame(tuple(samples), None)], ("S", "T"), picture_format="npy")
    return {point: str(score.verdict) for point, score in scores.items()}


def moved(plane: int, count: int, by: int) -> np.ndarray:
    samples = decode(CASE.stream).samples.copy()
    flat = samples[plane].reshape(-1)
    places = np.flatnonzero((flat > 2) & (flat < 250))[:count]
    flat[places] += by
    return samples


@pytest.mark.parametrize(
    ("plane", "count", "by", "at_s", "at_t"),
    [
        (0, 0, 0, "pass", "pass"),
        (0, 1, 2, "fail", "pass"),
        (0, 1, 3, "fail", "fail"),
        (2, 1, 1, "fail", "pass"),
        (2, 1, 2, "fail", "fail"),
        (1, 40, 1, "fail", "pass"),
        (2, 40, 1, "fail", "fail"),
        (1, 200, 1, "fail", "fail"),
    ],
)
def test_limits_hold_for_each_component(
    plane: int, count: int, by: int, at_s: str, at_t: str
) -> None:
    assert verdict(moved(plane, count, by)) == {"S": at_s, "T": at_t}


def test_both_transforms_are_right_at_point_t() -> None:
    for transform in ("simple", "base"):
        samples = decode(CASE.stream, synthesis=transform).samples
        assert verdict(samples) == {"S": "pass", "T": "pass"}


def test_only_cases_with_limits_are_judged_at_point_t() -> None:
    other = load_suite(["picture/size-7x5"])[0]
    request = Request(points=("T",))
    assert request.points_of(CASE) == ("T",)
    assert request.points_of(other) == ()
    claimed, _ = select([CASE, other], request)
    assert claimed == [CASE]


def test_impostors_exceed_the_proposed_limits() -> None:
    case = load_suite(["picture/size-7x5"])[0]
    power = measure_power(case, proposed_limits(case), load_suite(["picture/"]))
    assert power.smallest > 1
    stages = {name.partition(":")[0] for name in power.excess}
    assert {"output", "colour", "latents"} <= stages
    loose = {"peak": [300.0] * 3, "rms": [300.0] * 3}
    assert measure_power(case, loose).smallest < 1


def test_limits_grow_with_the_bit_depth() -> None:
    shallow, deep = (load_suite([f"format/depth-{bits}"])[0] for bits in (10, 12))
    for case in (shallow, deep):
        limits = proposed_limits(case)
        assert all(rms <= peak for rms, peak in zip(limits["rms"], limits["peak"], strict=True))
    assert proposed_limits(deep)["peak"][0] == 4 * proposed_limits(shallow)["peak"][0]


def test_power_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "--filter", "picture/size-1x1"]) == 0
    line = capsys.readouterr().out
    assert "picture/size-1x1" in line
    assert float(line.split()[0]) > 1
