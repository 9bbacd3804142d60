# SPDX-License-Identifier: Apache-2.0
"""The subcommand ``fuzz``: judge streams until the time is over, and keep what is found."""

import argparse
import itertools
import shlex
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from conformance.fuzzing.options import SECONDS
from conformance.fuzzing.oracle import Examine, examiner, is_fault
from conformance.fuzzing.shrink import MAX_TRIES, shrunk
from conformance.judge.decoder import Decoder
from conformance.judge.running import Request
from conformance.judge.verdict import Result
from conformance.options import (
    chosen_decoder,
    chosen_judge,
    chosen_limits,
    has_point,
)
from refdec.cli.support import UsageError, atomic_file, check_destination, read_stream

EXIT_FOUND = 1
SUBJECTS = ("decoder", "command", "python", "backend", "format", "timeout", "memory")
Named = tuple[str, bytes]
"""A stream and its name."""


def run_fuzz(options: argparse.Namespace) -> int:
    """Judge streams and print what was found; status 1 where something was."""
    check_destination(options.output / "stream.jai")
    decoder = chosen_decoder(options)
    if decoder.points and not has_point(decoder, "S"):
        message = f"{decoder.name} has no point S: only samples are compared"
        raise UsageError(message)
    source = ((str(path), read_stream(path)) for path in options.streams)
    with tempfile.TemporaryDirectory(prefix="jai-fuzz-") as name:
        limits, request = chosen_limits(options, decoder), Request(points=("S",))
        with chosen_judge(options, decoder, limits=limits, request=request) as judge:
            examine = examiner(judge, Path(name), timeout=limits.timeout)
            if options.streams:
                return _try_again(source, examine)
            return _search(_named_streams(options), examine, options, decoder)


def _try_again(source: Iterable[Named], examine: Examine) -> int:
    """Judge streams that somebody has."""
    found = 0
    for name, data in source:
        result = examine(data)
        found += is_fault(result)
        print(f"{name}: {result.verdict}  {result.detail}")
    return EXIT_FOUND if found else 0


def _named_streams(options: argparse.Namespace) -> Iterator[Named]:
    """Yield the streams of the seed, until the time is over or there are enough."""
    if find_spec("hypothesis") is None:
        message = "fuzz needs Hypothesis to make streams: pip install 'jai-codec[fuzz]'"
        raise UsageError(message)
    from conformance.fuzzing.streams import streams  # noqa: PLC0415

    seconds = options.seconds or (SECONDS if options.count is None else float("inf"))
    end = time.monotonic() + seconds
    for stream in itertools.islice(streams(options.seed), options.count):
        if time.monotonic() > end:
            return
        yield f"fuzz-{options.seed}-{stream.number}.jai", stream.data


def _search(
    source: Iterable[Named], examine: Examine, options: argparse.Namespace, decoder: Decoder
) -> int:
    """Judge streams, keep the first of each kind of finding, made small, and print the tally."""
    tally: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    for name, data in source:
        result = examine(data)
        tally[str(result.verdict)] += 1
        if not is_fault(result):
            continue
        kinds[kind_of(result)] += 1
        if kinds[kind_of(result)] == 1:
            _keep(options, name, data, result, examine)
    counts = ", ".join(f"{count} {what}" for what, count in tally.most_common())
    print(f"{decoder.name}: {tally.total()} streams of seed {options.seed}: {counts or 'none'}")
    for (verdict, what), count in kinds.items():
        print(f"{count} times {verdict}: {what}")
    return EXIT_FOUND if kinds else 0


def kind_of(result: Result) -> tuple[str, str]:
    """Return what findings of one cause have in common: the verdict, and what the stream is."""
    return str(result.verdict), result.detail.partition(":")[0]


def _keep(
    options: argparse.Namespace, name: str, data: bytes, first: Result, examine: Examine
) -> None:
    """Shrink a stream, write it, and print how to try it again."""
    small = shrunk(data, lambda other: kind_of(examine(other)) == kind_of(first), MAX_TRIES)
    path, result = options.output / name, examine(small)
    with atomic_file(path) as file:
        file.write(small)
    command = shlex.join(["jai-conformance", "fuzz", *_subject_words(options), str(path)])
    print(f"{path}: {len(small)} bytes of {len(data)}")
    print(f"    {result.verdict}  {result.detail}")
    print(f"    again: {command}", flush=True)


def _subject_words(options: argparse.Namespace) -> list[str]:
    """Return the options that name the decoder and its limits."""
    given = ((name, getattr(options, name)) for name in SUBJECTS)
    words = [word for name, value in given if value is not None for word in (f"--{name}", value)]
    return [str(word) for word in words] + ["--online"] * options.online
