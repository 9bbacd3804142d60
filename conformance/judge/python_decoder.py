# SPDX-License-Identifier: Apache-2.0
"""Judge a Python function, in a process of its own that is kept from case to case.

The function takes the bytes of a stream. It returns unsigned samples of (C, H, W), alpha last, or
of (N, C, H, W) for several pictures; or a tuple of planes, where they differ in size; or an object
whose attribute ``samples`` or ``planes`` is that, beside an ``alpha`` of (H, W) or None. Or it
raises: that refuses the stream, unless only a mistake of the program raises such an exception.
"""

import importlib
import multiprocessing
import operator
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from conformance.case import Case
from conformance.judge.decoder import Decoder
from conformance.judge.limits import MIB, Limits
from conformance.judge.picture_files import PictureError, array_frames, plane_frames
from conformance.judge.running import Request
from conformance.judge.scoring import Score, make_result, score_frames
from conformance.judge.verdict import Judge, Result, Verdict
from refdec.cli.support import UsageError

MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RecursionError,
    SystemError,
    TypeError,
)
"""Exceptions that mean that a decoder fell over, not that it refused a stream."""
START_SECONDS = 120.0
Answer = tuple[str, Any]
"""``samples``, ``refused``, ``mistake``, ``memory`` or ``nothing``, and an array or a text."""


def resolve(name: str) -> Callable[[bytes], Any]:
    """Import ``module:function``.

    Raises
    ------
    ImportError, AttributeError
        There is no such thing.
    """
    module, _, path = name.partition(":")
    function: Callable[[bytes], Any] = operator.attrgetter(path)(importlib.import_module(module))
    return function


def ask(function: Callable[[bytes], Any], stream: bytes) -> Answer:
    """Call a decoder and say what came of it."""
    try:
        answer = function(stream)
    except MemoryError as error:
        return "memory", f"MemoryError: {error}"
    except MISTAKES as error:
        return "mistake", f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001
        return "refused", f"{type(error).__name__}: {error}"
    if answer is None:
        return "nothing", "the function returned None"
    return "samples", _samples_of(answer)


def _samples_of(answer: Any) -> Any:
    """Return an array of whole pictures, or a tuple of the planes of one."""
    samples = getattr(answer, "planes", getattr(answer, "samples", answer))
    planes = tuple(map(np.asarray, samples)) if isinstance(samples, tuple) else np.asarray(samples)
    if (alpha := getattr(answer, "alpha", None)) is not None:
        return (*planes, np.asarray(alpha))
    return planes


def _serve(connection: Connection, name: str, memory: int) -> None:
    """Answer streams until there are no more; runs in the process of its own."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        function = resolve(name)
    except Exception as error:  # noqa: BLE001
        connection.send(("failed", f"{type(error).__name__}: {error}"))
        return
    if memory:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (memory * MIB, memory * MIB))
    connection.send(("ready", ""))
    while (stream := connection.recv()) is not None:
        try:
            connection.send(ask(function, stream))
        except MemoryError as error:
            connection.send(("memory", f"MemoryError: {error}"))


class _Worker:
    """The process that a function lives in."""

    def __init__(self, name: str, memory: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, name, memory), daemon=True)
        self.process.start()
        other.close()
        started = self.connection.poll(START_SECONDS)
        try:
            state, text = self.connection.recv() if started else ("failed", "it did not start")
        except EOFError:
            state, text = "failed", "it ended while it was imported"
        if state != "ready":
            self.end()
            message = f"--python {name}: {text}"
            raise UsageError(message)

    def ask(self, stream: bytes, timeout: float) -> Answer | None:
        """Return the answer; None when it took too long or the process is dead."""
        try:
            self.connection.send(stream)
            if self.connection.poll(timeout):
                answer: Answer = self.connection.recv()
                return answer
        except (EOFError, ConnectionError):
            self.process.join(START_SECONDS)
        return None

    def failure(self) -> Score:
        """Say why there was no answer."""
        code = self.process.exitcode
        if code is None:
            return Score(Verdict.TIMEOUT)
        return Score(Verdict.CRASH, f"the process ended with {code}")

    def end(self) -> None:
        """Stop the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextmanager
def python_judge(decoder: Decoder, *, limits: Limits, request: Request) -> Iterator[Judge]:
    """Give a judge of a Python function; its processes end with the context.

    Raises
    ------
    UsageError
        By the judge: the function cannot be imported.
    """
    local, workers = threading.local(), list[_Worker]()

    def judge(case: Case) -> Result:
        if reason := decoder.unsupported(case):
            return Result(case.id, Verdict.UNSUPPORTED, reason)
        start = time.perf_counter()
        if getattr(local, "worker", None) is None:
            local.worker = _Worker(decoder.python, limits.memory)
            workers.append(local.worker)
        worker: _Worker = local.worker
        answer = worker.ask(case.stream, limits.timeout)
        if answer is None:
            scores = {"": worker.failure()}
            worker.end()
            local.worker = None
        else:
            scores = score_answer(case, answer, request.points_of(case))
        return make_result(
            case,
            scores,
            seconds=time.perf_counter() - start,
            command=f"jai-conformance run --python {decoder.python} --filter {case.id}",
        )

    try:
        yield judge
    finally:
        for worker in workers:
            worker.end()


def score_answer(case: Case, answer: Answer, points: Sequence[str]) -> dict[str, Score]:
    """Judge the answer of a function, at each point for a valid stream."""
    kind, content = answer
    failed = {
        "memory": Score(Verdict.OUT_OF_MEMORY, str(content)),
        "mistake": Score(Verdict.CRASH, str(content)),
    }.get(kind)
    if failed is None and not case.is_valid:
        is_refused = kind == "refused"
        requirements = ", ".join(case.manifest["invalid"]["requirements"])
        accepted = Score(Verdict.ACCEPTED, f"{requirements} not noticed")
        return {"": Score(Verdict.PASS, str(content)) if is_refused else accepted}
    if failed is None and kind == "refused":
        failed = Score(Verdict.REJECTED, str(content))
    if failed is None and kind == "nothing":
        failed = Score(Verdict.NO_OUTPUT, str(content))
    if failed is not None:
        return dict.fromkeys(points, failed) if case.is_valid else {"": failed}
    try:
        frames = plane_frames(content) if isinstance(content, tuple) else array_frames(content)
    except (ValueError, PictureError) as error:
        return dict.fromkeys(points, Score(Verdict.FAIL, str(error)))
    return score_frames(case, frames, points, picture_format="npy")
