# SPDX-License-Identifier: Apache-2.0
"""Judge what a decoder made of a stream: samples, latents, control points."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case
from conformance.judge.difference import latent_difference, nearest_difference
from conformance.judge.expected import Plane, expected_digests, expected_planes, right_picture
from conformance.judge.picture_files import SCALED, WORD, Frame, PictureError, unscaled
from conformance.judge.tiles import WrongTiles, wrong_tiles
from conformance.judge.tolerance import tolerated
from conformance.judge.verdict import FAULTS, Difference, Result, Verdict
from refdec.picture import latent_digest

LATENT_RANGE = 1 << 15
DETAIL_SHOWN = 500


@dataclass(frozen=True)
class Score:
    """The verdict at one point."""

    verdict: Verdict
    detail: str = ""
    difference: Difference | None = None
    stage: str = ""
    """The first control point that differs, where the output itself tells it."""


def make_result(
    case: Case, scores: dict[str, Score], *, seconds: float, command: str, stage: str = ""
) -> Result:
    """Sum up the scores of a case: the first that is not a pass decides.

    Parameters
    ----------
    scores : by conformance point; those of no point have an empty name.
    stage : the first control point that the decoder itself reports otherwise.
    """
    values = list(scores.values())
    worst = next((score for score in values if score.verdict in FAULTS), values[0])
    return Result(
        case.id,
        worst.verdict,
        worst.detail[:DETAIL_SHOWN],
        seconds=seconds,
        points={point: score.verdict for point, score in scores.items() if point},
        stage=stage or worst.stage,
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
    geometry, digests = expected_planes(case), expected_digests(case)
    if len(frames) != len(digests):
        wrong = Score(Verdict.FAIL, f"{len(frames)} pictures, not {len(digests)}")
        return dict.fromkeys(points, wrong)
    names = []
    for number, (frame, wanted) in enumerate(zip(frames, digests, strict=True)):
        place = f"picture {number}: " if len(digests) > 1 else ""
        try:
            planes = _checked_planes(frame, geometry, picture_format)
        except PictureError as error:
            return dict.fromkeys(points, Score(Verdict.FAIL, f"{place}{error}"))
        name = right_picture(wanted, planes, geometry)
        if name is None:
            shown = None if "frames" in case.manifest["valid"] else planes
            scores = _score_wrong(case, shown, points, f"{place}the samples differ")
            return _with_tiles(scores, wrong_tiles(case, planes))
        names.append(name)
    return dict.fromkeys(points, Score(Verdict.PASS, ", ".join(dict.fromkeys(names))))


def _with_tiles(scores: dict[str, Score], tiles: WrongTiles) -> dict[str, Score]:
    """Add to the scores of a wrong picture which of its tiles are wrong."""
    if not tiles.stage:
        return scores
    return {
        point: replace(score, detail=f"{score.detail}; {tiles.text}", stage=tiles.stage)
        if score.verdict in FAULTS
        else score
        for point, score in scores.items()
    }


def _score_wrong(
    case: Case, planes: Sequence[NDArray[Any]] | None, points: Sequence[str], detail: str
) -> dict[str, Score]:
    """Judge a picture that is not the right one to the last bit; None of several pictures."""
    scores = {"S": Score(Verdict.FAIL, detail)} if "S" in points else {}
    nearest = None
    if planes is not None and len({plane.shape for plane in planes}) == 1:
        samples = np.stack(planes)
        nearest = nearest_difference(case, samples)
        if "S" in points:
            scores["S"] = Score(Verdict.FAIL, detail, nearest)
        if "T" in points:
            excess = tolerated(case, samples)
            verdict = Verdict.FAIL if excess else Verdict.PASS
            scores["T"] = Score(verdict, excess or "within the tolerance", nearest)
    elif "T" in points:
        scores["T"] = Score(Verdict.FAIL, detail)
    return scores


def _checked_planes(
    frame: Frame, geometry: Sequence[Plane], picture_format: str
) -> list[NDArray[Any]]:
    """Return the planes of a picture, each at its bit depth.

    Raises
    ------
    PictureError
        Another number of planes, another size, another depth.
    """
    sizes = [plane.shape for plane in frame.planes]
    wanted = [(plane.height, plane.width) for plane in geometry]
    if sizes != wanted:
        message = f"planes (height, width) are {_sizes(sizes)}, not {_sizes(wanted)}"
        raise PictureError(message)
    if frame.is_float and not geometry[0].is_float:
        message = "floating-point numbers, not samples"
        raise PictureError(message)
    depth = max(plane.bit_depth for plane in geometry)
    is_mixed = len({plane.bit_depth for plane in geometry}) > 1
    top, checked = frame.peak, []
    for plane, place in zip(frame.planes, geometry, strict=True):
        bits = place.bit_depth
        if top == (1 << WORD) - 1 and bits < WORD and (is_mixed or picture_format in SCALED):
            checked.append(unscaled(plane, bits))
            continue
        if top is not None and top != (1 << depth) - 1:
            message = f"largest sample value {top} declared, not {(1 << depth) - 1}"
            raise PictureError(message)
        if int(plane.max()) >> bits:
            message = f"samples of more than {bits} bits"
            raise PictureError(message)
        checked.append(plane)
    return checked


def _sizes(sizes: Sequence[tuple[int, ...]]) -> str:
    """Write a list of sizes as ``3 of (5, 7)``."""
    counts = Counter(sizes)
    return ", ".join(f"{count} of {size}" for size, count in counts.items())


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
        return np.frombuffer(path.read_bytes(), ">i2")[None, None]
    loaded = np.load(path, allow_pickle=False)
    y_hat: NDArray[Any] = loaded["y_hat"] if latent_format == "npz" else loaded
    if y_hat.dtype.kind not in "iu" or y_hat.ndim != 3 or not y_hat.size:  # noqa: PLR2004
        message = f"{y_hat.dtype} of shape {y_hat.shape}, not integers (C, h16, w16)"
        raise ValueError(message)
    if np.abs(y_hat.astype(np.int64)).max() >= LATENT_RANGE:
        message = "values of more than 16 bits"
        raise ValueError(message)
    return y_hat
