# SPDX-License-Identifier: Apache-2.0
"""The same command for many files: found in directories, done by workers, resumed, summed up.

::

    inputs --> tasks --[journal: done already?]--> workers --> outcomes --> journal, summary
"""

import argparse
import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from refdec.cli.journal import Journal, Stamp, Task
from refdec.cli.support import (
    EXIT_LIMIT,
    UsageError,
    describe_error,
    job_count,
    progress_bar,
)
from refdec.cli.workers import cluster, worker_processes

CLUSTER_WINDOW = 1024
"""Files at a time that a cluster knows of; it shares them out to its workers."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a task."""

    task: Task
    notes: Sequence[str] = ()
    stamps: tuple[Stamp, Stamp] | None = None
    """Of the input before and the output after; None where it failed."""
    error: str = ""
    status: int = 0


Convert = Callable[[argparse.Namespace, Path, Path], Sequence[str]]
"""Convert a file as the options say; return notes for the user, raise on errors.

It is a function of a module, for workers import it."""


class Kind(NamedTuple):
    """How one program converts many files."""

    program: str
    convert: Convert
    done: str
    """What has happened to a file: "decoded"."""
    suffixes: Collection[str]
    """Of the files that are taken out of directories."""
    suffix: str
    """Of what is written."""


def single_input(options: argparse.Namespace) -> Path | None:
    """Return the input where it is one file; None for many.

    Raises
    ------
    UsageError
        An option for many files goes with one.
    """
    first, output = options.inputs[0], options.output
    if len(options.inputs) > 1 or first.is_dir() or (output is not None and output.is_dir()):
        return None
    if options.jobs is not None or options.resume or options.scheduler is not None:
        message = "--jobs, --resume and --scheduler go with many files: name a directory"
        raise UsageError(message)
    path: Path = first
    return path


def convert_many(options: argparse.Namespace, kind: Kind) -> int:
    """Convert all files, print a summary, and return the exit status.

    It is that of the first file that failed, in the order of the inputs; 0 if none did.
    """
    if options.output is None:
        message = "many files need a directory to write to: -o DIR"
        raise UsageError(message)
    tasks, others = find_tasks(options.inputs, options.output, kind)
    options.output.mkdir(parents=True, exist_ok=True)
    with Journal.opened(kind.program, options) as journal:
        left = [task for task in tasks if not journal.has(task)]
        tally = Tally(kind, len(tasks) - len(left), others)
        converted = closing(outcomes(left, options, kind.convert))
        try:
            with progress_bar(kind.program, "file") as progress, converted as found:
                for number, outcome in enumerate(found):
                    tally.add(outcome)
                    if outcome.stamps is not None:
                        journal.add(outcome.task, outcome.stamps)
                    if progress is not None:
                        progress(number + 1, len(left))
        except KeyboardInterrupt:
            tally.show(tasks)
            raise
    return tally.show(tasks)


class Tally:
    """What came of many files, and what the user is told in the end."""

    def __init__(self, kind: Kind, done_before: int, others: int) -> None:
        self._kind, self._start = kind, time.perf_counter()
        self._counts = {
            kind.done: 0,
            "done before": done_before,
            "failed": 0,
            "of other kinds": others,
        }
        self._remarkable: dict[Task, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Count a file; keep what the user has to know of it."""
        self._counts["failed" if outcome.error else self._kind.done] += 1
        if outcome.error or outcome.notes:
            self._remarkable[outcome.task] = outcome

    def show(self, tasks: Iterable[Task]) -> int:
        """Print notes and errors in the order of the tasks, and the counts; return the status."""
        found = [self._remarkable[task] for task in tasks if task in self._remarkable]
        for outcome in found:
            for note in outcome.notes:
                self._tell("note", outcome.task.source, note)
        for outcome in found:
            if outcome.error:
                self._tell("error", outcome.task.source, " ".join(outcome.error.split()))
        counts = ", ".join(f"{count} {what}" for what, count in self._counts.items() if count)
        print(f"files    {counts or 'none'}")
        print(f"time     {time.perf_counter() - self._start:.2f} s")
        return next((outcome.status for outcome in found if outcome.error), 0)

    def _tell(self, what: str, source: str, text: str) -> None:
        named = text if text.startswith(source) else f"{source}: {text}"
        print(f"{self._kind.program}: {what}: {named}", file=sys.stderr)


def find_tasks(inputs: Iterable[Path], output: Path, kind: Kind) -> tuple[list[Task], int]:
    """List the files, and count those in directories that are of other kinds.

    A directory's files keep their places below it, and other files their names.

    Raises
    ------
    UsageError
        There are none, or two would become one.
    """
    tasks: dict[str, Task] = {}
    others = 0
    for source, place in _places(inputs):
        if place.suffix.lower() not in kind.suffixes and source not in inputs:
            others += 1
            continue
        target = str(output.absolute() / place.with_suffix(kind.suffix))
        task = Task(str(source.absolute()), target)
        if (other := tasks.setdefault(target, task)) != task:
            message = f"{source} and {other.source} would both become {target}"
            raise UsageError(message)
    if not tasks:
        message = f"no files {' '.join(sorted(kind.suffixes))} in {' '.join(map(str, inputs))}"
        raise UsageError(message)
    return list(tasks.values()), others


def _places(inputs: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield the files, and where each stands: below its directory, or by its name."""
    for given in inputs:
        if not given.is_dir():
            yield given, Path(given.name)
            continue
        for folder, folders, names in os.walk(given):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                yield path, path.relative_to(given)


def outcomes(
    tasks: Sequence[Task], options: argparse.Namespace, convert: Convert
) -> Generator[Outcome]:
    """Convert files side by side; yield the outcomes as they come."""
    left = deque(tasks)
    of_one = {"threads": options.threads or 1, "shows_progress": False}
    options = argparse.Namespace(**(vars(options) | of_one))
    if options.scheduler is not None:
        with cluster(options.scheduler) as executor:
            yield from _share_out(executor, left, CLUSTER_WINDOW, options, convert)
        return
    jobs = min(options.jobs or job_count("0"), max(len(tasks), 1))
    while left:
        with worker_processes(jobs) as executor:
            yield from _share_out(executor, left, jobs, options, convert)


def _share_out(
    executor: Executor,
    left: deque[Task],
    window: int,
    options: argparse.Namespace,
    convert: Convert,
) -> Iterator[Outcome]:
    """Take tasks until none is left or a process has died, with at most `window` under way."""
    from concurrent.futures import FIRST_COMPLETED, wait  # noqa: PLC0415

    running: dict[Future[Outcome], Task] = {}
    is_broken = False
    with ExitStack() as stack:
        stack.callback(lambda: [future.cancel() for future in running])
        while running or (left and not is_broken):
            while left and len(running) < window and not is_broken:
                try:
                    running[executor.submit(convert_one, convert, options, left[0])] = left[0]
                    left.popleft()
                except BrokenExecutor:
                    is_broken = True
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    yield future.result()
                except BrokenExecutor:
                    is_broken = True
                    reason = "a process died while it was under way, perhaps for lack of memory"
                    yield Outcome(task=task, error=reason, status=EXIT_LIMIT)
                except Exception as error:  # noqa: BLE001  of the cluster, not of the file
                    text, status = describe_error(error)
                    yield Outcome(task=task, error=text, status=status)


def convert_one(convert: Convert, options: argparse.Namespace, task: Task) -> Outcome:
    """Convert one file, in a worker."""
    try:
        before = Stamp.of(task.source)
        Path(task.output).parent.mkdir(parents=True, exist_ok=True)
        notes = tuple(convert(options, Path(task.source), Path(task.output)))
        return Outcome(task=task, notes=notes, stamps=(before, Stamp.of(task.output)))
    except SystemExit as stop:
        os._exit(int(stop.code or 0))  # what was begun is removed by now; take no further task
    except Exception as error:  # noqa: BLE001
        if os.environ.get("JAI_DEBUG") == "1":
            traceback.print_exc()
        text, status = describe_error(error)
        return Outcome(task=task, error=text, status=status)
