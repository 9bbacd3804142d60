# SPDX-License-Identifier: Apache-2.0
"""Judge a program: run it on each stream and look at how it ends and what it leaves behind."""

import hashlib
import json
import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.case import Case
from conformance.control_points import first_difference
from conformance.judge.decoder import LATENT_SUFFIXES, Decoder
from conformance.judge.expected import expected_planes
from conformance.judge.limits import Limits
from conformance.judge.picture_files import PictureError, read_frames
from conformance.judge.running import Request
from conformance.judge.sandbox import Ending, Watch, run_program
from conformance.judge.scoring import (
    Score,
    make_result,
    score_frames,
    score_latents,
)
from conformance.judge.verdict import Judge, Result, Verdict

Finding = tuple[Verdict, str]


def program_judge(decoder: Decoder, *, limits: Limits, request: Request) -> Judge:
    """Return a judge of a program. It raises OSError where the program cannot be started."""

    def judge(case: Case) -> Result:
        if reason := decoder.unsupported(case):
            return Result(case.id, Verdict.UNSUPPORTED, reason)
        start, points, stage, agreeing = time.perf_counter(), request.points_of(case), "", 0
        with tempfile.TemporaryDirectory(
            prefix="jai-conformance-", ignore_cleanup_errors=True
        ) as name:
            run = _Run(decoder, case, Path(name), limits)
            scores = run.valid(points) if case.is_valid else {"": run.invalid(points)}
            if any(score.verdict == Verdict.FAIL for score in scores.values()):
                stage, agreeing = run.stage()
            scores |= run.breaches()
        result = make_result(
            case,
            scores,
            seconds=time.perf_counter() - start,
            command=reproduction(decoder, case),
            stage=stage,
        )
        if stage or not agreeing:
            return result
        return replace(result, detail=f"{result.detail}; {agreeing} control points agree")

    return judge


def reproduction(decoder: Decoder, case: Case) -> str:
    """Return the command line that decodes a case again, by hand."""
    places = {"{input}": str(case.stream_path), "{output}": decoder.output_name(case)}
    return shlex.join(_fill(decoder.command or decoder.latents_command, places))


def _fill(command: Sequence[str], places: dict[str, str]) -> list[str]:
    words = []
    for word in command:
        filled = word
        for placeholder, path in places.items():
            filled = filled.replace(placeholder, path)
        words.append(filled)
    return words


@dataclass
class _Run:
    """The runs of one decoder on one case, below one directory."""

    decoder: Decoder
    case: Case
    directory: Path
    limits: Limits

    def __post_init__(self) -> None:
        self.input = self.directory / "in" / "input.jai"
        self.input.parent.mkdir()
        self.input.write_bytes(self.case.stream)
        self.input.chmod(0o444)
        self.input.parent.chmod(0o555)
        self.runs = 0
        suite = self.case.directory.parent.parent
        self.watch = Watch([suite])

    def valid(self, points: Sequence[str]) -> dict[str, Score]:
        """Judge a valid stream at each point."""
        scores: dict[str, Score] = {}
        sample_points = [point for point in points if point in {"S", "T"}]
        if "L" in points:
            scores["L"] = self._latents()
        if sample_points:
            scores |= self._samples(sample_points)
        return scores

    def _samples(self, points: Sequence[str]) -> dict[str, Score]:
        ending, output = self._run(self.decoder.command, self.decoder.output_name(self.case))
        if (failed := self._unfit(ending, output)) is not None:
            return dict.fromkeys(points, failed)
        try:
            frames = read_frames(
                output,
                self.decoder.format_of(self.case),
                geometry=expected_planes(self.case),
                layout=self.decoder.layout,
            )
        except PictureError as error:
            return dict.fromkeys(points, Score(Verdict.FAIL, str(error)))
        return score_frames(
            self.case, frames, points, picture_format=self.decoder.format_of(self.case)
        )

    def _latents(self) -> Score:
        latent_format = self.decoder.latents_format
        name = f"latents{LATENT_SUFFIXES[latent_format]}"
        ending, output = self._run(self.decoder.latents_command, name)
        failed = self._unfit(ending, output)
        return failed or score_latents(self.case, output, latent_format)

    def _unfit(self, ending: Ending, output: Path) -> Score | None:
        """Return the score where there is no output to look at."""
        if (violation := self._violation(ending)) is not None:
            return Score(*violation)
        if ending.status != 0:
            return Score(Verdict.REJECTED, f"status {ending.status}: {ending.stderr}")
        if not output.is_file():
            return Score(Verdict.NO_OUTPUT, ending.stderr)
        if strays := self._strays(output):
            return Score(Verdict.FAIL, f"wrote more than was asked for: {', '.join(strays)}")
        return None

    def invalid(self, points: Sequence[str]) -> Score:
        """Judge an invalid stream: it shall be refused, and nothing left behind."""
        has_samples = "S" in points or "T" in points
        command = self.decoder.command if has_samples else self.decoder.latents_command
        ending, output = self._run(command, self.decoder.output_name(self.case))
        if (violation := self._violation(ending)) is not None:
            return Score(*violation)
        if ending.status == 0:
            requirements = ", ".join(self.case.manifest["invalid"]["requirements"])
            return Score(Verdict.ACCEPTED, f"{requirements} not noticed")
        if output.exists() or self._strays(output):
            return Score(Verdict.ACCEPTED, "output was left behind")
        return Score(Verdict.PASS, ending.stderr)

    def _violation(self, ending: Ending) -> Finding | None:
        """Return the verdict on a program that did not end in good order."""
        if (violation := ending.violation) is not None:
            return violation
        if ending.status and self.decoder.rejects and ending.status not in self.decoder.rejects:
            expected = ", ".join(map(str, sorted(self.decoder.rejects)))
            return Verdict.CRASH, f"status {ending.status}, not {expected}: {ending.stderr}"
        return None

    def stage(self) -> tuple[str, int]:
        """Name the first control point that the decoder reports otherwise.

        Returns
        -------
        Its name, empty if there is none, and how many agree before it.
        """
        if not self.case.is_valid or not self.decoder.control_points_command:
            return "", 0
        ending, output = self._run(self.decoder.control_points_command, "points.json")
        if ending.status != 0 or not output.is_file():
            return "", 0
        try:
            document = json.loads(output.read_text(encoding="utf-8"))
            reported = {point["name"]: point["sha256"] for point in document["points"]}
            return first_difference(self.case.manifest["valid"], reported)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return "", 0

    def breaches(self) -> dict[str, Score]:
        """Return a failing score where something outside the output directory was changed."""
        digest = hashlib.sha256(self.input.read_bytes()).digest() if self.input.is_file() else b""
        changed = self.watch.changes()
        if digest != hashlib.sha256(self.case.stream).digest():
            changed.append("its input")
        known = {"in", "stderr.txt", "work", "home", "tmp"} | {f"out{n}" for n in range(self.runs)}
        changed += sorted(p.name for p in self.directory.iterdir() if p.name not in known)
        changed += [f"in/{p.name}" for p in self.input.parent.iterdir() if p != self.input]
        if not changed:
            return {}
        return {"": Score(Verdict.FAIL, f"changed outside its directory: {', '.join(changed)}")}

    def _run(self, command: Sequence[str], name: str) -> tuple[Ending, Path]:
        """Run a command with an empty directory for its output."""
        folder = self.directory / f"out{self.runs}"
        folder.mkdir()
        self.runs += 1
        output = folder / name
        words = _fill(command, {"{input}": str(self.input), "{output}": str(output)})
        environment = self.decoder.environment
        return run_program(words, self.directory, self.limits, environment), output

    def _strays(self, output: Path) -> list[str]:
        return sorted(path.name for path in output.parent.iterdir() if path != output)
