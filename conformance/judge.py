# SPDX-License-Identifier: Apache-2.0
"""Judge a decoder case by case: the reference decoder in this process, or any other program."""

import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from conformance.case import Case
from conformance.control_points import ControlPoints, first_difference
from conformance.picture_files import MAX_PNG_DEPTH, SUFFIXES, PictureError, read_samples
from refdec.codec import get_codec
from refdec.decoding import decode, decode_latents, parse
from refdec.errors import RefdecError
from refdec.picture import picture_digest
from refdec.reconstruction import reconstruct_picture
from refdec.syntax.segment import SynthesisTransform

STDERR_SHOWN = 200
_SHELL_SIGNAL = 128
"""A shell reports the death of its child by signal N as this plus N."""


class Verdict(StrEnum):
    """What became of a case."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    REJECTED = "rejected"
    NO_OUTPUT = "no output"
    ACCEPTED = "accepted"
    CRASH = "crash"
    TIMEOUT = "timeout"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Result:
    """The verdict on one case, and why."""

    id: str
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Return the result as it stands in the JSON report."""
        return asdict(self) | {"verdict": str(self.verdict), "seconds": round(self.seconds, 3)}


Judge = Callable[[Case], Result]


def reference_judge(backend: str) -> Judge:
    """Return a judge of the reference decoder with one backend, in this process."""

    def judge(case: Case) -> Result:
        start = time.perf_counter()
        try:
            judged = _judge_valid(case, backend) if case.is_valid else _judge_invalid(case, backend)
        except RefdecError as error:
            judged = Verdict.REJECTED, str(error)
        except Exception as error:  # noqa: BLE001
            judged = Verdict.CRASH, f"{type(error).__name__}: {error}"
        return Result(case.id, *judged, time.perf_counter() - start)

    return judge


def _judge_valid(case: Case, backend: str) -> tuple[Verdict, str]:
    expected, points = case.manifest["valid"], ControlPoints()
    if "E" in expected["digests"]:
        enhanced = decode(case.stream, backend=backend)
        if enhanced.digest() != expected["digests"]["E"]:
            return Verdict.FAIL, "the enhanced samples differ"
    if "L" not in expected["digests"]:
        return Verdict.PASS, ""
    picture = decode(case.stream, backend=backend, synthesis="base", trace=points)
    latents = decode_latents(case.stream, backend=backend)
    differing = first_difference(expected["control_points"], points.digests)
    if differing is not None:
        return Verdict.FAIL, f"first difference at {differing}"
    if latents.digest() != expected["digests"]["L"]:
        return Verdict.FAIL, "the latents differ"
    header = parse(case.stream).picture_header
    simple = reconstruct_picture(
        codec=get_codec(header.model_set_idc, backend),
        header=header,
        y_hat=latents.y_hat,
        quality=latents.quality,
        transform=SynthesisTransform.SIMPLE,
    )
    if {"simple": simple.digest(), "base": picture.digest()} != expected["digests"]["S"]:
        return Verdict.FAIL, "the samples differ"
    return Verdict.PASS, ""


def _judge_invalid(case: Case, backend: str) -> tuple[Verdict, str]:
    expected = case.manifest["invalid"]
    error = rejection(case.stream, by_verifying=case.needs_verifying, backend=backend)
    if error is None:
        return Verdict.ACCEPTED, f"{expected['requirements']} not noticed"
    first, last = expected["offset"]
    if error.requirement not in expected["requirements"]:
        return Verdict.FAIL, f"rejected for another reason: {error}"
    if error.offset is not None and not first <= error.offset <= last:
        return Verdict.FAIL, f"rejected at another place than bytes {first} to {last}: {error}"
    return Verdict.PASS, ""


def rejection(data: bytes, *, by_verifying: bool, backend: str = "auto") -> RefdecError | None:
    """Return the error that the reference decoder raises, None if it accepts the stream."""
    try:
        decode(data, verify=by_verifying, backend=backend)
    except RefdecError as error:
        return error
    return None


def command_judge(template: str, *, picture_format: str, timeout: float) -> Judge:
    """Return a judge of a program.

    Parameters
    ----------
    template : its command line, with ``{input}`` and ``{output}`` where the files belong; no
        shell runs it.
    picture_format : ``"ppm"``, ``"png"`` or ``"npy"``.
    timeout : seconds for one stream.
    """

    def judge(case: Case) -> Result:
        reason = _not_judged(case, picture_format)
        if reason:
            return Result(case.id, Verdict.NOT_RUN, reason)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="jai-conformance-") as name:
            directory = Path(name)
            components = case.manifest["valid"]["picture"]["components"] if case.is_valid else 3
            output = directory / f"output{SUFFIXES[picture_format][components == 3]}"  # noqa: PLR2004
            stream = directory / "input.jai"
            stream.write_bytes(case.stream)
            stream.chmod(0o444)
            places = {"{input}": str(stream), "{output}": str(output)}
            command = [_fill(word, places) for word in shlex.split(template)]
            status, complaint = _run(command, directory, timeout)
            judged = _verdict(case, status, complaint, output)
        return Result(case.id, *judged, time.perf_counter() - start)

    return judge


def _not_judged(case: Case, picture_format: str) -> str:
    """Say why a case cannot be judged by a command; empty if it can."""
    if case.needs_verifying:
        return "a decoder need not verify hashes"
    is_deep = case.is_valid and case.manifest["valid"]["picture"]["bit_depth"] > MAX_PNG_DEPTH
    return "more than 8 bits are not judged as PNG" if is_deep and picture_format == "png" else ""


def _fill(word: str, places: dict[str, str]) -> str:
    for placeholder, path in places.items():
        word = word.replace(placeholder, path)
    return word


def _run(command: list[str], directory: Path, timeout: float) -> tuple[int | None, str]:
    """Run a program with its children; return its status, None after a timeout, and its stderr."""
    with (directory / "stderr.txt").open("w+b") as stderr:
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        stderr.seek(0)
        lines = stderr.read(1 << 16).decode(errors="replace").strip().splitlines()
    return status, lines[-1][:STDERR_SHOWN] if lines else ""


def _verdict(case: Case, status: int | None, complaint: str, output: Path) -> tuple[Verdict, str]:
    if status is None:
        return Verdict.TIMEOUT, complaint
    if status < 0 or status > _SHELL_SIGNAL:
        number = -status if status < 0 else status - _SHELL_SIGNAL
        return Verdict.CRASH, f"signal {number}"
    judge = _verdict_on_valid if case.is_valid else _verdict_on_invalid
    return judge(case, status, complaint, output)


def _verdict_on_invalid(
    case: Case, status: int, complaint: str, output: Path
) -> tuple[Verdict, str]:
    if status == 0:
        requirements = ", ".join(case.manifest["invalid"]["requirements"])
        return Verdict.ACCEPTED, f"{requirements} not noticed"
    if output.exists():
        return Verdict.ACCEPTED, "a picture was left behind"
    return Verdict.PASS, complaint


def _verdict_on_valid(case: Case, status: int, complaint: str, output: Path) -> tuple[Verdict, str]:
    if status != 0:
        return Verdict.REJECTED, f"status {status}: {complaint}"
    if not output.exists():
        return Verdict.NO_OUTPUT, complaint
    try:
        return compare(case, output)
    except PictureError as error:
        return Verdict.FAIL, str(error)


def compare(case: Case, output: Path) -> tuple[Verdict, str]:
    """Judge a picture file; a right one is named by its synthesis transform.

    Raises
    ------
    PictureError
        The file cannot be read.
    """
    expected = case.manifest["valid"]
    picture, (samples, peak) = expected["picture"], read_samples(output)
    shape = picture["components"], picture["height"], picture["width"]
    depth = picture["bit_depth"]
    if samples.shape != shape:
        return Verdict.FAIL, f"(components, height, width) is {samples.shape}, not {shape}"
    if peak is not None and peak != (1 << depth) - 1:
        return Verdict.FAIL, f"largest sample value {peak} declared, not {(1 << depth) - 1}"
    if int(samples.max()) >> depth:
        return Verdict.FAIL, f"samples of more than {depth} bits"
    digest = picture_digest(samples=samples, bit_depth=depth)
    if "E" in expected["digests"]:
        same = digest == expected["digests"]["E"]
        return (Verdict.PASS, "enhanced") if same else (Verdict.FAIL, "the samples differ")
    for transform, wanted in expected["digests"]["S"].items():
        if digest == wanted:
            return Verdict.PASS, f"synthesis {transform}"
    return Verdict.FAIL, "the samples differ"
