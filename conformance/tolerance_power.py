# SPDX-License-Identifier: Apache-2.0
"""Whether a tolerance has power: impostors, which are no decodings, shall exceed its limits.

An impostor is a picture that a wrong decoder could give: constant, of another stream of the same
size, or decoded with one stage wrong. Its excess is the largest of its errors, each divided by its
limit; the power of a case is the smallest excess of its impostors. Above 1 all of them are caught,
and ``case.json`` gets the limits; a case of less power is not judged at point T.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.case import Case
from conformance.judge.decoder import NOT_RGB
from conformance.judge.difference import references
from conformance.judge.tolerance import component_errors
from refdec.codec import get_codec
from refdec.decoding import decode_latents, parse
from refdec.errors import RefdecError
from refdec.reconstruction import reconstruct_picture
from refdec.still import SYNTHESIS_NAMES

Samples = NDArray[np.int64]
Limits = dict[str, list[float]]
PEAK_LIMIT, RMS_LIMIT = 2.0, 0.35
"""Proposed limits for 8 bits; they double with each bit."""
COLOURS = 3


@dataclass(frozen=True)
class Power:
    """How well the limits of a case tell right from wrong."""

    id: str
    limits: Limits
    excess: dict[str, float]
    """By impostor."""

    @property
    def smallest(self) -> float:
        """The power of the case; 0 where there are no impostors."""
        return min(self.excess.values(), default=0.0)


def proposed_limits(case: Case) -> Limits:
    """Return limits per component in steps of the sample value, the same for all components."""
    picture = case.manifest["valid"]["picture"]
    scale = 2.0 ** (picture["bit_depth"] - 8)
    limits = {"peak": PEAK_LIMIT * scale, "rms": RMS_LIMIT * scale}
    return {name: [limit] * picture["components"] for name, limit in limits.items()}


def powerful_limits(case: Case, others: Sequence[Case]) -> Limits | None:
    """Return the limits that go into the manifest of a case; None where they have no power.

    Parameters
    ----------
    others : as for `measure_power`.
    """
    if not has_lossy_picture(case):
        return None
    limits = proposed_limits(case)
    return limits if measure_power(case, limits, others).smallest > 1 else None


def power_text(cases: Sequence[Case], others: Sequence[Case]) -> Iterator[str]:
    """Yield a line for each lossy stream: its power, its limits, its id, the closest impostor.

    Limits are those of the first component, in brackets where the case is not judged at point T.

    Parameters
    ----------
    others : as for `measure_power`.
    """
    yield " power     peak      rms  case, and the wrong picture that comes closest"
    judged = 0
    measured = [case for case in cases if has_lossy_picture(case)]
    for case in measured:
        stored = case.manifest["valid"].get("tolerance")
        limits = stored or proposed_limits(case)
        power = measure_power(case, limits, others)
        closest = min(power.excess, key=power.excess.__getitem__, default="no impostors")
        numbers = (f"{limits[name][0]:g}" for name in ("peak", "rms"))
        shown = [number if stored else f"({number})" for number in numbers]
        judged += stored is not None
        yield f"{power.smallest:6.3f} {shown[0]:>8} {shown[1]:>8}  {case.id:<40}  {closest}"
    yield f"{judged} of {len(measured)} lossy streams have limits: point T is judged by them"


def has_lossy_picture(case: Case) -> bool:
    """Whether a case can have a tolerance: valid, lossy, not enhanced, R, G, B or luma integers."""
    is_plain = not NOT_RGB.intersection(case.manifest["features"])
    points = set(case.manifest["valid"].get("digests", ())) if case.is_valid else set()
    return is_plain and points == {"L", "S"}


def measure_power(case: Case, limits: Limits, others: Sequence[Case] = ()) -> Power:
    """Try all impostors of a valid case that has a lossy picture.

    Parameters
    ----------
    others : cases whose pictures are impostors where they have the same size.
    """
    rights = [right.astype(np.int64) for _, right in references(case)]
    excess = {
        name: round(min(_excess(right, samples, limits) for right in rights), 3)
        for name, samples in impostors(case, others)
    }
    return Power(case.id, limits, excess)


def impostors(case: Case, others: Sequence[Case] = ()) -> Iterator[tuple[str, Samples]]:
    """Yield wrong pictures (C, H, W) and their names; what a right decoder gives is none."""
    rights = [right.astype(np.int64) for _, right in references(case)]
    for name, samples in (*_made(case), *_neighbours(case, others)):
        if not any(np.array_equal(samples, right) for right in rights):
            yield name, samples


def _excess(right: Samples, samples: Samples, limits: Limits) -> float:
    peak, rms = component_errors(right, samples)
    return float(max((peak / limits["peak"]).max(), (rms / limits["rms"]).max()))


def _neighbours(case: Case, others: Sequence[Case]) -> Iterator[tuple[str, Samples]]:
    """Yield pictures of other streams of the same format; those that do not decode are left out."""
    wanted = case.manifest["valid"]["picture"]
    for other in others:
        if other.id == case.id or not other.is_valid or "digests" not in other.manifest["valid"]:
            continue
        picture = other.manifest["valid"]["picture"]
        if any(picture.get(name) != value for name, value in wanted.items()):
            continue
        with suppress(RefdecError):
            for name, samples in references(other):
                yield f"{other.id}, {name}", samples.astype(np.int64)


def _made(case: Case) -> Iterator[tuple[str, Samples]]:
    """Yield constant pictures and pictures with one stage wrong, of each synthesis transform."""
    depth = case.manifest["valid"]["picture"]["bit_depth"]
    top, step = (1 << depth) - 1, 1 << (depth - 8)
    for transform, right in references(case):
        samples = right.astype(np.int64)
        middle = (samples.min(axis=(1, 2)) + samples.max(axis=(1, 2))) // 2
        mean = np.rint(samples.mean(axis=(1, 2))).astype(np.int64)
        made = {
            "constant middle": np.broadcast_to(middle[:, None, None], samples.shape),
            "constant mean": np.broadcast_to(mean[:, None, None], samples.shape),
            "output: one too high": np.where(samples > top - step, samples - step, samples + step),
            "output: lowest bit lost": samples & ~(2 * step - 1),
            "output: limited range": 16 * step + samples * 219 // 255,
            "output: one column to the right": np.roll(samples, 1, axis=2),
            "output: one row down": np.roll(samples, 1, axis=1),
        }
        if len(samples) == COLOURS:
            made["colour: red and blue exchanged"] = samples[::-1]
        for name, impostor in made.items():
            yield f"{name}, {transform}", impostor
    yield from _wrong_latents(case)


def _wrong_latents(case: Case) -> Iterator[tuple[str, Samples]]:
    """Yield pictures that the right synthesis makes of wrong latents."""
    latents, header = decode_latents(case.stream), parse(case.stream).picture_header
    y_hat = latents.y_hat
    loudest = int(np.abs(y_hat.astype(np.int64)).sum(axis=(1, 2)).argmax())
    upper = y_hat.copy()
    upper[np.flatnonzero(np.abs(y_hat).sum(axis=(1, 2)))[1::2]] = 0
    negated = y_hat.copy()
    negated[loudest] *= -1
    wrong: dict[str, NDArray[Any]] = {
        "latents: half units lost": y_hat & ~np.int32(1),
        "latents: every other channel missing": upper,
        "latents: loudest channel negated": negated,
        "latents: rows and columns exchanged": np.ascontiguousarray(y_hat[:, ::-1, ::-1]),
    }
    for name, mutant in wrong.items():
        if np.array_equal(mutant, y_hat):
            continue
        for transform, idc in SYNTHESIS_NAMES.items():
            picture = reconstruct_picture(
                codec=get_codec(header.model_set_idc, "auto"),
                header=header,
                y_hat=mutant,
                quality=latents.quality,
                transform=idc,
            )
            yield f"{name}, synthesis {transform}", picture.samples.astype(np.int64)
