# SPDX-License-Identifier: Apache-2.0
"""Options of the command line that several subcommands have, and what they mean."""

import argparse
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from conformance.judge.decoder import POINTS, PROFILES, Decoder, command_words, load_decoder
from conformance.judge.limits import Limits
from conformance.judge.picture_files import FORMATS
from conformance.judge.reference import REFERENCE_POINTS, reference_judge
from conformance.judge.running import Request
from conformance.judge.verdict import Judge
from refdec.backends import AUTO, BACKENDS
from refdec.cli.support import UsageError, check_backend, integer_in

DEFAULTS = Limits()


def positive_seconds(text: str) -> float:
    """Convert a number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{text!r} is not a number of seconds above 0"
        raise argparse.ArgumentTypeError(message)
    return seconds


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add --filter."""
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="CASE",
        help="only cases whose id contains this, or matches it with * and ?; may be repeated",
    )


def add_subject(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options that say what is judged, and under which limits."""
    subject = parser.add_mutually_exclusive_group(required=required)
    subject.add_argument("--decoder", type=Path, metavar="FILE", help="a decoder described in TOML")
    subject.add_argument(
        "--command", metavar="LINE", help='any program, such as "mydec {input} -o {output}"'
    )
    subject.add_argument(
        "--python", metavar="MODULE:FUNCTION", help="a Python function from bytes to samples"
    )
    subject.add_argument(
        "--backend", choices=(AUTO, *BACKENDS), help="the reference decoder with this backend"
    )
    parser.add_argument("--format", choices=FORMATS, help="what --command writes (default: ppm)")
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        metavar="SECONDS",
        help=f"for one stream (default: {DEFAULTS.timeout:g})",
    )
    parser.add_argument(
        "--memory",
        type=integer_in(0),
        metavar="MIB",
        help=f"address space of the decoder, 0 for no limit (default: {DEFAULTS.memory})",
    )
    parser.add_argument("--online", action="store_true", help="leave the network to the decoder")


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is claimed, and which part of it to run."""
    parser.add_argument(
        "--point",
        action="append",
        choices=POINTS,
        help="conformance point; may be repeated (default: those that the decoder has)",
    )
    parser.add_argument("--profile", choices=PROFILES, help="only this profile and those before it")
    parser.add_argument(
        "--level", type=integer_in(1), metavar="N", help="only this and the lower levels"
    )
    parser.add_argument(
        "--suite", action="append", default=[], help="only this part; may be repeated"
    )
    add_filter(parser)


def chosen_decoder(options: argparse.Namespace) -> Decoder:
    """Return the description of what the options name.

    Raises
    ------
    UsageError
        It contradicts itself, the program does not exist, or this system cannot limit programs.
    """
    if options.backend is None and importlib.util.find_spec("resource") is None:
        message = "only --backend is judged on this system: limits on a program need POSIX"
        raise UsageError(message)
    if options.format is not None and options.command is None:
        message = "--format goes with --command"
        raise UsageError(message)
    if options.decoder is not None:
        return load_decoder(options.decoder)
    if options.python is not None:
        if ":" not in options.python:
            message = f"--python {options.python}: it shall be MODULE:FUNCTION"
            raise UsageError(message)
        return Decoder(name=options.python, python=options.python)
    if options.backend is not None:
        check_backend(options.backend)
        name = f"refdec, backend {options.backend}"
        return Decoder(name=name, points=REFERENCE_POINTS, verifies=True)
    return Decoder(
        name=options.command,
        command=command_words(options.command, Path.cwd()),
        format=options.format or "ppm",
    )


def chosen_limits(options: argparse.Namespace, decoder: Decoder) -> Limits:
    """Take the limits of the command line, then those of the decoder, then the defaults."""
    limits = replace(DEFAULTS, offline=not options.online)
    if (timeout := options.timeout or decoder.timeout) is not None:
        limits = replace(limits, timeout=timeout)
    memory = decoder.memory if options.memory is None else options.memory
    return limits if memory is None else replace(limits, memory=memory)


def chosen_request(options: argparse.Namespace, decoder: Decoder) -> Request:
    """Return what is asked of the decoder.

    Raises
    ------
    UsageError
        A point that the decoder does not have.
    """
    points = tuple(dict.fromkeys(options.point or decoder.points))
    if decoder.points and (missing := [p for p in points if not has_point(decoder, p)]):
        message = f"{decoder.name} has no point {', '.join(missing)}; see its description"
        raise UsageError(message)
    return Request(
        points=points,
        profile=options.profile,
        level=options.level,
        suites=tuple(options.suite),
        patterns=tuple(options.filter),
    )


def has_point(decoder: Decoder, point: str) -> bool:
    """Whether the decoder can be judged at a point; who gives samples can at point T."""
    return point in decoder.points or (point == "T" and "S" in decoder.points)


@contextmanager
def chosen_judge(
    options: argparse.Namespace, decoder: Decoder, *, limits: Limits, request: Request
) -> Iterator[Judge]:
    """Give the judge that the options ask for."""
    if options.backend is not None:
        yield reference_judge(options.backend, request.points)
        return
    from conformance.judge.program import program_judge  # noqa: PLC0415
    from conformance.judge.python_decoder import python_judge  # noqa: PLC0415

    if decoder.python:
        with python_judge(decoder, limits=limits, request=request) as judge:
            yield judge
    else:
        yield program_judge(decoder, limits=limits, request=request)


def describe_subject(options: argparse.Namespace, decoder: Decoder) -> dict[str, str]:
    """Return what is judged, as it stands in the report."""
    if options.backend is not None:
        kind, command = "reference", f"refdec --backend {options.backend}"
    elif decoder.python:
        kind, command = "python", decoder.python
    else:
        kind, command = "program", " ".join(decoder.command)
    return {"name": decoder.name, "kind": kind, "command": command}


def describe_environment(
    subject: dict[str, str], limits: Limits, *, jobs: int
) -> dict[str, str | float]:
    """Return the limits of a run, as they stand in the report."""
    found: dict[str, str | float] = {"python": sys.version.split()[0], "jobs": jobs}
    if subject["kind"] == "reference":
        return found
    memory = f"{limits.memory} MiB" if limits.memory else "no limit"
    found |= {"timeout": f"{limits.timeout:g} s", "memory": memory}
    if subject["kind"] == "python":
        return found | {"network": "not isolated: a Python function runs as itself"}
    if not limits.offline:
        return found | {"network": "not isolated: --online"}
    from conformance.judge.sandbox import can_isolate_network  # noqa: PLC0415

    is_isolated = can_isolate_network()
    reason = "not isolated: this system does not let a process give its network up"
    return found | {"network": "isolated" if is_isolated else reason}
