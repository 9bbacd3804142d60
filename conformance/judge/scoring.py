# SPDX-License-Identifier: Apache-2.0
"""Judge what a decoder made of a stream: samples, latents, control points."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case
from conformance.control_points import DIGITS, STEP_TENSORS
from conformance.judge.difference import latent_difference, nearest_difference
from conformance.judge.picture_files import SCALED, WORD, Frame, PictureError, unscaled
from conformance.judge.tolerance import tolerated
from conformance.judge.verdict import FAULTS, Difference, Result, Verdict
from refdec.picture import latent_digest, picture_digest

BYTE_DEPTH = 8
LATENT_RANGE = 1 << 15
DETAIL_SHOWN = 500


@dataclass(frozen=True)
class Score:
    """The verdict at one point."""

    verdict: Verdict
    detail: str = ""
    difference: Difference | None = None


def make_result(
    case: Case, scores: dict[str, Score], *, seconds: float, command: str, stage: str = ""
) -> Result:
    """Sum up the scores of a case: the first that is not a pass decides.

    Parameters
    ----------
    scores : by conformance point; those of no point have an empty name.
    """
    values = list(scores.values())
    worst = next((score for score in values if score.verdict in FAULTS), values[0])
    return Result(
        case.id,
        worst.verdict,
        worst.detail[:DETAIL_SHOWN],
        seconds=seconds,
        points={point: score.verdict for point, score in scores.items() if point},
        stage=stage,
        difference=worst.difference,
        command=command,
    )


def score_frames(
    case: Case, frames: Sequence[Frame], points: Sequence[str], *, picture_format: str
) -> dict[str, Score]:
    """Judge decoded pictures at point S, point T, or both.

    Parameters
    ----------
    picture_format : the file's; formats that scale samples are unscaled first.
    """
    try:
        samples = _checked_samples(case, frames, picture_format)
    except PictureError as error:
        return dict.fromkeys(points, Score(Verdict.FAIL, str(error)))
    name = right_picture(case, samples)
    if name is not None:
        return dict.fromkeys(points, Score(Verdict.PASS, name))
    nearest = nearest_difference(case, samples)
    scores = {}
    if "S" in points:
        scores["S"] = Score(Verdict.FAIL, "the samples differ", nearest)
    if "T" in points:
        excess = tolerated(case, samples)
        verdict = Verdict.FAIL if excess else Verdict.PASS
        scores["T"] = Score(verdict, excess or "within the tolerance", nearest)
    return scores


def _checked_samples(
    case: Case, frames: Sequence[Frame], picture_format: str
) -> NDArray[np.unsignedinteger[Any]]:
    """Return the samples of the one picture, at its bit depth.

    Raises
    ------
    PictureError
        Another number of pictures, another size, another depth.
    """
    picture = case.manifest["valid"]["picture"]
    shape = picture["components"], picture["height"], picture["width"]
    depth = picture["bit_depth"]
    if len(frames) != 1:
        message = f"{len(frames)} pictures, not one"
        raise PictureError(message)
    samples, peak = frames[0]
    if samples.shape != shape:
        message = f"(components, height, width) is {samples.shape}, not {shape}"
        raise PictureError(message)
    if picture_format in SCALED and BYTE_DEPTH < depth < WORD and peak == (1 << WORD) - 1:
        return unscaled(samples, depth)
    if peak is not None and peak != (1 << depth) - 1:
        message = f"largest sample value {peak} declared, not {(1 << depth) - 1}"
        raise PictureError(message)
    if int(samples.max()) >> depth:
        message = f"samples of more than {depth} bits"
        raise PictureError(message)
    return samples


def right_picture(case: Case, samples: NDArray[Any]) -> str | None:
    """Name the synthesis transform that makes these samples; None if none does."""
    expected = case.manifest["valid"]
    digest = picture_digest(samples=samples, bit_depth=expected["picture"]["bit_depth"])
    if "E" in expected["digests"]:
        return "enhanced" if digest == expected["digests"]["E"] else None
    found = (name for name, wanted in expected["digests"]["S"].items() if digest == wanted)
    name = next(found, None)
    return None if name is None else f"synthesis {name}"


def score_latents(case: Case, path: Path, latent_format: str) -> Score:
    """Judge a file of latents at point L."""
    wanted = case.manifest["valid"]["digests"]["L"]
    try:
        if latent_format == "digest":
            is_same = path.read_text(encoding="ascii").strip().lower() == wanted
            return Score(Verdict.PASS) if is_same else Score(Verdict.FAIL, "the latents differ")
        y_hat = _read_latents(path, latent_format)
    except (OSError, ValueError, KeyError) as error:
        return Score(Verdict.FAIL, f"{path.name} cannot be read: {error}")
    if latent_digest(y_hat=y_hat) == wanted:
        return Score(Verdict.PASS)
    shown = None if latent_format == "raw" else latent_difference(case, y_hat)
    return Score(Verdict.FAIL, "the latents differ", shown)


def _read_latents(path: Path, latent_format: str) -> NDArray[Any]:
    if latent_format == "raw":
        return np.frombuffer(path.read_bytes(), ">i2")
    loaded = np.load(path, allow_pickle=False)
    y_hat: NDArray[Any] = loaded["y_hat"] if latent_format == "npz" else loaded
    if y_hat.dtype.kind not in "iu" or y_hat.ndim != 3 or not y_hat.size:  # noqa: PLR2004
        message = f"{y_hat.dtype} of shape {y_hat.shape}, not integers (C, h16, w16)"
        raise ValueError(message)
    if np.abs(y_hat.astype(np.int64)).max() >= LATENT_RANGE:
        message = "values of more than 16 bits"
        raise ValueError(message)
    return y_hat


def first_wrong_stage(case: Case, reported: dict[str, str]) -> tuple[str, int]:
    """Name the first control point, in decoding order, that a decoder reports otherwise.

    Parameters
    ----------
    reported : SHA-256 by name, of any subset of the control points; at least 16 digits each.

    Returns
    -------
    Its name, empty where all that are reported agree, and how many agree before it. Names that
    the case does not know do not count.
    """
    agreeing = 0
    for name, digests in case.manifest["valid"]["control_points"].items():
        wanted = digests.split()
        names = [name] if len(wanted) == 1 else [f"{name}/{tensor}" for tensor in STEP_TENSORS]
        for point, digest in zip(names, wanted, strict=False):
            if point not in reported:
                continue
            if reported[point][:DIGITS].lower() != digest:
                return point, agreeing
            agreeing += 1
    return "", agreeing
