# SPDX-License-Identifier: Apache-2.0
"""Point T: limits for each component, and impostors that exceed them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.__main__ import main
from conformance.case import Case, load_suite
from conformance.judge.picture_files import Frame
from conformance.judge.running import Request, select
from conformance.judge.scoring import score_frames
from conformance.tolerance_power import (
    impostors,
    measure_power,
    powerful_limits,
    proposed_limits,
)
from refdec import reconstruction
from refdec.decoding import decode
from refdec.entropy import context


def tolerant(name: str, limits: dict[str, list[float]]) -> Case:
    case = load_suite([name])[0]
    manifest = copy.deepcopy(case.manifest)
    manifest["valid"]["tolerance"] = limits
    return replace(case, manifest=manifest)


def without_limits(name: str) -> Case:
    case = load_suite([name])[0]
    valid = {key: value for key, value in case.manifest["valid"].items() if key != "tolerance"}
    return replace(case, manifest=case.manifest | {"valid": valid})


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
    other = without_limits("picture/size-7x5")
    request = Request(points=("T",))
    assert request.points_of(CASE) == ("T",)
    assert request.points_of(other) == ()
    claimed, _ = select([CASE, other], request)
    assert claimed == [CASE]
    assert request.unjudged([CASE, other]) == {"T": [other.id]}


JUDGED = ("picture/size-17x33", "picture/screen-graphic", "picture/size-7x5")


@pytest.fixture(scope="module", params=JUDGED)
def judged(request: pytest.FixtureRequest) -> Case:
    """Return a case with the limits that the generator gives it."""
    suite = load_suite()
    (case,) = (case for case in suite if case.id == request.param)
    limits = powerful_limits(case, suite)
    assert limits is not None
    assert all(rms <= peak for rms, peak in zip(limits["rms"], limits["peak"], strict=True))
    return tolerant(case.id, limits)


def at_t(case: Case, samples: np.ndarray) -> str:
    frame = Frame(tuple(samples.astype(np.uint8)), None)
    return str(score_frames(case, [frame], ("T",), picture_format="npy")["T"].verdict)


def test_impostors_are_rejected_at_point_t(judged: Case) -> None:
    found = dict(impostors(judged, load_suite(["picture/", "syntax/", "structure/"])))
    assert any(name.startswith("constant") for name in found)
    assert {name for name, samples in found.items() if at_t(judged, samples) != "fail"} == set()


def test_neighbouring_streams_are_among_the_impostors() -> None:
    case = load_suite(["syntax/every-segment"])[0]
    own = {name for name, _ in impostors(case)}
    first, second = (load_suite([f"structure/layers-{count}"])[0] for count in (2, 3))
    assert own.isdisjoint({second.id})
    assert any(name.startswith(second.id) for name, _ in impostors(first, [first, second, case]))


Given = dict[str, Any]
MUTANTS: dict[str, tuple[Any, str, Callable[[Given], Given], Callable[[Any], Any]]] = {
    "entropy: latents one step too high": (context, "dequantise", dict, lambda y_hat: y_hat + 2),
    "synthesis: fine latents lost": (
        reconstruction, "synthesise",
        lambda given: given | {"y_hat": given["y_hat"] & ~7}, lambda x: x,
    ),
    "synthesis: coarse planes": (reconstruction, "synthesise", dict, lambda x: x // 32 * 32),
    "colour: Cb and Cr exchanged": (
        reconstruction, "convert_colour",
        lambda given: given | {"planes": given["planes"][[0, 2, 1]]}, lambda x: x,
    ),
    "output: one too high": (
        reconstruction, "round_samples", dict, lambda x: np.minimum(x.astype(int) + 1, 255),
    ),
}  # fmt: skip
"""Module, function, and what is done to its arguments and to its result."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_of_a_single_stage_are_rejected(
    mutant: str, judged: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, before, after = MUTANTS[mutant]
    right = getattr(module, name)
    monkeypatch.setattr(module, name, lambda **given: after(right(**before(given))))
    assert at_t(judged, decode(judged.stream, backend="numpy").samples) == "fail"


@pytest.mark.parametrize("transform", ["simple", "base"])
def test_rounding_of_a_floating_point_decoder_is_tolerated(judged: Case, transform: str) -> None:
    right = decode(judged.stream, synthesis=transform).samples.astype(np.int64)
    generator = np.random.default_rng(1)
    off = np.where(generator.random(right.shape) < 0.06, generator.choice([-1, 1], right.shape), 0)
    assert off.any()
    assert at_t(judged, np.clip(right + off, 0, 255)) == "pass"


def test_a_case_without_power_has_no_limits() -> None:
    assert powerful_limits(without_limits("structure/many-segments"), ()) is None
    assert powerful_limits(without_limits("lossless/photo"), ()) is None
    random, other = (load_suite([f"synthesis/saturated-random-{q}"])[0] for q in (32, 63))
    assert powerful_limits(random, ()) is not None
    assert powerful_limits(random, [other]) is None


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
    head, *lines, tally = capsys.readouterr().out.splitlines()
    assert "power" in head
    assert "picture/size-1x1 " in lines[0]
    assert all(float(line.split()[0]) > 1 for line in lines)
    assert f"of {len(lines)} lossy streams" in tally
