# SPDX-License-Identifier: Apache-2.0
"""Judge the reference decoder in this process: every point, control point and reason to reject."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from conformance.case import Case
from conformance.control_points import ControlPoints, first_difference, trace_stream
from conformance.judge.expected import expected_digests
from conformance.judge.verdict import Judge, Result, Verdict
from refdec.codec import get_codec
from refdec.decoding import decode_frames, decode_latents, decode_strips, parse
from refdec.errors import RefdecError
from refdec.picture import Picture, typed_samples
from refdec.reconstruction import reconstruct_picture
from refdec.syntax.segment import SynthesisTransform

REFERENCE_POINTS = ("L", "S")
SHOWN = "shown"
"""The stage after all control points: what is given out in the end."""
Finding = tuple[Verdict, str]
"""A verdict and why."""
_PASSED: Finding = (Verdict.PASS, "")


def reference_judge(backend: str, points: Sequence[str] = REFERENCE_POINTS) -> Judge:
    """Return a judge of the reference decoder with one backend, in this process.

    Parameters
    ----------
    points : those that count; all of `REFERENCE_POINTS` are computed. At point T the samples shall
        be right to the last bit, too.
    """

    def judge(case: Case) -> Result:
        start = time.perf_counter()
        findings: dict[str, Finding] = {}
        trace = ControlPoints()
        try:
            if case.is_valid:
                found = _judge_valid(case, backend, trace)
                findings = {point: found[point] for point in points if point in found}
                finding = next((f for f in findings.values() if f != _PASSED), _PASSED)
            else:
                finding = _judge_invalid(case, backend)
        except RefdecError as error:
            finding = Verdict.REJECTED, str(error)
        except Exception as error:  # noqa: BLE001
            finding = Verdict.CRASH, f"{type(error).__name__}: {error}"
        is_wrong = case.is_valid and finding != _PASSED
        return Result(
            case.id,
            *finding,
            seconds=time.perf_counter() - start,
            points={point: verdict for point, (verdict, _) in findings.items()},
            stage=_first_wrong(case, trace) or SHOWN if is_wrong else "",
            command=f"jai-conformance run --backend {backend} --filter {case.id}",
        )

    return judge


def _first_wrong(case: Case, trace: ControlPoints) -> str:
    """Name the first control point that differs or is missing."""
    return first_difference(case.manifest["valid"], trace.reported, is_complete=True)[0]


def _judge_valid(case: Case, backend: str, trace: ControlPoints) -> dict[str, Finding]:
    """Return the finding at each point, and leave the control points in `trace`."""
    digests, points = case.manifest["valid"].get("digests", {}), {}
    picture = trace_stream(case.stream, trace, backend=backend)
    stage = _first_wrong(case, trace)
    samples = _PASSED if _shows(case, backend) else (Verdict.FAIL, "the shown samples differ")
    if "L" in digests:
        latents = decode_latents(case.stream, backend=backend)
        is_same = latents.digest() == digests["L"]
        what = f"first difference at {stage}" if stage else "the latents differ"
        points["L"] = _PASSED if is_same else (Verdict.FAIL, what)
        header = parse(case.stream).picture_header
        simple = reconstruct_picture(
            codec=get_codec(header.model_set_idc, backend),
            header=header,
            y_hat=latents.y_hat,
            quality=latents.quality,
            transform=SynthesisTransform.SIMPLE,
        )
        if {"simple": simple.digest(), "base": picture.digest()} != digests["S"]:
            samples = Verdict.FAIL, "the samples differ"
    if stage:
        samples = Verdict.FAIL, f"first difference at {stage}"
    return points | {"S": samples, "T": samples}


def _shows(case: Case, backend: str) -> bool:
    """Whether alpha, the enhanced samples, and all frames of an animation are right.

    A still is decoded at once and strip by strip.
    """
    wanted = expected_digests(case)
    shown = [frame.picture for frame in decode_frames(case.stream, backend=backend)]
    if not parse(case.stream).frames:
        wanted, shown = 2 * wanted, [*shown, _joined(decode_strips(case.stream, backend=backend))]
    return len(shown) == len(wanted) and all(
        picture.alpha_digest() == digests.get("A")
        and picture.digest() in (digests.get("E"), *digests.get("S", {}).values())
        and ("E" not in digests or picture.digest() == digests["E"])
        for picture, digests in zip(shown, wanted, strict=True)
    )


def _joined(strips: Iterable[Picture]) -> Picture:
    """Put strips together again; those that are several have samples of one size only."""
    first, *others = strips
    if not others:
        return first
    samples = [strip.samples for strip in (first, *others)]
    return replace(first, samples=typed_samples(np.concatenate(samples, axis=1), first.bit_depth))


def _judge_invalid(case: Case, backend: str) -> Finding:
    expected = case.manifest["invalid"]
    error = rejection(case.stream, by_verifying=case.needs_verifying, backend=backend)
    if error is None:
        return Verdict.ACCEPTED, f"{expected['requirements']} not noticed"
    first, last = expected["offset"]
    if error.requirement not in expected["requirements"]:
        return Verdict.FAIL, f"rejected for another reason: {error}"
    if error.offset is not None and not first <= error.offset <= last:
        return Verdict.FAIL, f"rejected at another place than bytes {first} to {last}: {error}"
    return _PASSED


def rejection(data: bytes, *, by_verifying: bool, backend: str = "auto") -> RefdecError | None:
    """Return the error that the reference decoder raises, None if it accepts the stream."""
    try:
        for _ in decode_frames(data, verify=by_verifying, backend=backend):
            pass
    except RefdecError as error:
        return error
    return None
