# SPDX-License-Identifier: Apache-2.0
"""Say what a decoder shall do with a stream, and judge what it does."""

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.case import STREAM_FILE, Case
from conformance.describe import features, picture_facts, shown_digests
from conformance.judge.decoder import PROFILES
from conformance.judge.verdict import FAULTS, Judge, Result, Verdict
from refdec.decoding import decode_frames, parse, verify
from refdec.errors import LimitExceeded, RefdecError
from refdec.limits import Limits
from refdec.syntax.profiles import Profile

LIMITS = Limits(max_pixels=1 << 18)
"""Larger pictures are not tried: they take long, for the reference decoder as for any other."""
SUITE = "fuzz"
Examine = Callable[[bytes], Result]
"""Judges a stream; the result's id is its SHA-256."""


def expected_case(directory: Path, data: bytes) -> Case:
    """Decode a stream with the reference decoder and make a case of it.

    Parameters
    ----------
    directory : of the case; its stream is written there.

    Raises
    ------
    LimitExceeded
        The picture is too large to be tried.
    Exception
        Whatever else the reference decoder raises: it shall raise nothing but a RefdecError.
    """
    manifest: dict[str, Any] = {
        "id": f"{SUITE}/{directory.name}",
        "profile": PROFILES[0],
        "level": 1,
        "features": [],
    }
    try:
        codestream = parse(data)
        header = codestream.picture_header
        for _ in decode_frames(data, backend="numpy", limits=LIMITS):
            pass  # of several faults, the judge of the reference names the first that this meets
        digests = shown_digests(
            data, codestream.tools, verify=False, backend="numpy", limits=LIMITS
        )
    except LimitExceeded:
        raise
    except RefdecError as error:
        manifest |= {
            "verdict": "invalid",
            "invalid": {
                "requirements": [error.requirement],
                "offset": [0, len(data)],
                "detected_by": "decode",
            },
        }
    else:
        shown = {"frames": [{"digests": d} for d in digests]}
        manifest |= {
            "verdict": "valid",
            "profile": Profile(header.profile_idc).name.lower(),
            "level": header.level_idc,
            "features": features(codestream),
            "valid": {
                "picture": picture_facts(codestream),
                "control_points": {},
                **(shown if codestream.frames else {"digests": digests[0]}),
            },
        }
    directory.mkdir(parents=True)
    (directory / STREAM_FILE).write_bytes(data)
    return Case(directory, manifest)


def examiner(judge: Judge, folder: Path, *, timeout: float) -> Examine:
    """Return a judge of streams.

    A valid stream shall be decoded to the right samples and an invalid one refused; where only a
    digest in the stream is wrong, a decoder may do either. What the reference decoder does on
    the way is judged, too: it shall end in a picture or a RefdecError, within `timeout` seconds of
    processor time, which a busy machine does not lengthen.

    Parameters
    ----------
    folder : for the streams; it holds nothing else.
    """

    def examine(data: bytes) -> Result:
        name = hashlib.sha256(data).hexdigest()
        directory = folder / SUITE / name
        try:
            return judged(name, directory, data)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def judged(name: str, directory: Path, data: bytes) -> Result:
        start = time.process_time()
        try:
            case = expected_case(directory, data)
        except LimitExceeded as error:
            return Result(name, Verdict.UNSUPPORTED, str(error))
        except Exception as error:  # noqa: BLE001
            what = f"the reference decoder: {type(error).__name__}: {error}"
            return Result(name, Verdict.CRASH, what)
        if (seconds := time.process_time() - start) > timeout:
            return Result(name, Verdict.TIMEOUT, f"the reference decoder took {seconds:.1f} s")
        result = judge(case)
        if result.verdict == Verdict.REJECTED and not _matches(data):
            result = replace(result, verdict=Verdict.PASS, detail="a digest in it is wrong")
        return replace(result, id=name, command="", difference=None, detail=_told(case, result))

    return examine


def is_fault(result: Result) -> bool:
    """Whether the decoder did something wrong."""
    return result.verdict in FAULTS


def _matches(data: bytes) -> bool:
    """Whether the digests in a valid stream, if any, are right."""
    return all(found.matches for found in verify(data, backend="numpy", limits=LIMITS))


def _told(case: Case, result: Result) -> str:
    """Say what the stream is, what the decoder did, and where the samples differ."""
    reasons = case.manifest.get("invalid", {}).get("requirements", [])
    kind = "valid" if case.is_valid else f"invalid ({', '.join(map(str, reasons))})"
    found = result.difference
    place = (
        f"; component {found.plane}, x {found.x}, y {found.y}: {found.actual}, not {found.expected}"
        if found
        else ""
    )
    return f"{kind}: {result.detail}{place}"
