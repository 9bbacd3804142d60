# SPDX-License-Identifier: Apache-2.0
"""A process that forks a fresh decoder with one fault for each question, and judges it.

Every child imports the faulty module itself, and all that import it; what the fault cannot reach
is imported before. Questions and answers are lines of JSON; see `Question`.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple, NotRequired, TypedDict

from conformance.case import Case, load_suite
from conformance.mutation.mutator import mutated

for name in ("construct", "numpy", "safetensors.numpy", "threadpoolctl"):
    # What the decoder and the judge import of others; the parent limits the threads of BLAS.
    import_module(name)

PACKAGE = "refdec"
MEMORY = 4 << 30
"""Address space of a decoder, bytes; there is no bound on what a fault asks for."""
WALL_SECONDS = 120.0
"""Longest silence of a decoder whose processor time is still within its limit."""
CODEC_PARTS = ("hyper_tables", "hyper", "context")


class Question(TypedDict):
    """What a child is asked."""

    cases: list[tuple[str, float]]
    """Ids, and the seconds of processor time for each."""
    kills: int
    """Enough of them: the rest is not judged."""
    file: NotRequired[str]
    """The faulty module; left out: there is no fault."""
    node: NotRequired[int]
    variant: NotRequired[int]
    with_lines: NotRequired[bool]
    """Tell which lines of the decoder run, of the first case."""


class _Loader(importlib.machinery.SourceFileLoader):
    """Load a module with a fault in it."""

    def __init__(self, name: str, path: str, question: Question) -> None:
        super().__init__(name, path)
        self._question = question

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        source = Path(self.path).read_text(encoding="utf-8")
        tree = mutated(source, self._question["node"], self._question["variant"])
        return compile(tree, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Find the faulty module before the right one is found."""

    def __init__(self, root: Path, question: Question) -> None:
        self.path, self.question = root / question["file"], question
        self.name = module_name(question["file"])

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module."""
        if fullname != self.name:
            return None
        loader = _Loader(fullname, str(self.path), self.question)
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


def serve(root: Path) -> None:
    """Answer questions until there are no more.

    Parameters
    ----------
    root : the directory that holds the package.
    """
    _suite()
    nursery = _Nursery(root)
    for line in sys.stdin:
        found = nursery.answer(json.loads(line))
        with suppress(BrokenPipeError):  # whoever asked is gone
            print(json.dumps(found), flush=True)


class _Nursery:
    """Keep a process in which all is imported that the module at hand has no influence on.

    Questions about one module come one after the other; each is answered by a fork of it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file: str | None = None
        self.pid = 0
        self.questions: Any = None
        self.answers: Any = None

    def answer(self, question: Question) -> list[dict[str, Any]]:
        """Pass a question on to a process that is made for it."""
        file = question.get("file", "")
        if file != self.file:
            self.end()
            self._start(file)
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()
        found: list[dict[str, Any]] = json.loads(self.answers.readline())
        return found

    def end(self) -> None:
        """End the process."""
        if self.pid:
            self.questions.close()
            self.answers.close()
            os.waitpid(self.pid, 0)

    def _start(self, file: str) -> None:
        asking, questions = os.pipe()
        answers, answering = os.pipe()
        self.file, self.pid = file, os.fork()
        if self.pid:
            os.close(asking)
            os.close(answering)
            self.questions, self.answers = os.fdopen(questions, "w"), os.fdopen(answers)
            return
        os.close(questions)
        os.close(answers)
        sys.stdin.close()
        ready = _prepare(self.root, file)
        with os.fdopen(asking) as source, os.fdopen(answering, "w") as sink:
            for line in source:
                sink.write(json.dumps(_answer(self.root, json.loads(line), ready)) + "\n")
                sink.flush()
        os._exit(0)


def _prepare(root: Path, file: str) -> "_Ready | None":
    """Import and prepare all, then forget the module of a file and whatever imports it.

    Without a file nothing is forgotten: all cases share the decoder.
    """
    lines = _Lines(root)
    if not file:
        sys.settrace(lines.trace_calls)
        judge = _start()
        sys.settrace(None)
        return _Ready(judge, lines)
    _start()
    faulty = {module_name(file)}
    imports = {name: _imports(root, module) for name, module in list(sys.modules.items())}
    size = 0
    while size != len(faulty):
        size = len(faulty)
        faulty |= {name for name, used in imports.items() if used & faulty}
    for name in faulty & sys.modules.keys():
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(last, None)
    for name in faulty:
        sys.modules.pop(name, None)
    return None


def _imports(root: Path, module: ModuleType) -> set[str]:
    """Return the names of what a module of ours imports, at its top or in its functions."""
    path = getattr(module, "__file__", None) or ""
    if not path.startswith(str(root)) or not path.endswith(".py"):
        return set()
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def module_name(file: str) -> str:
    """Return the name of the module that a file holds."""
    parts = Path(file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _answer(root: Path, question: Question, ready: "_Ready | None") -> list[dict[str, Any]]:
    """Judge the cases, in children; one that dies is a kill, and the next goes on after it."""
    found: list[dict[str, Any]] = []
    left = list(question["cases"])
    while left:
        told, ending = _run_child(root, question | {"cases": left}, ready)
        found += told
        judged = sum("case" in item for item in told)
        if ending is None:
            break
        found.append({"case": left[judged][0], "verdict": ending, "stage": "", "detail": ""})
        left = left[judged + 1 :]
        if sum(item.get("verdict", "pass") != "pass" for item in found) >= question["kills"]:
            break
    return found


def _run_child(
    root: Path, question: Question, ready: "_Ready | None"
) -> tuple[list[dict[str, Any]], str | None]:
    """Return what a child told, and how it died, None if it ended well."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            status = _child(root, question, ready, lambda item: _tell(pipe, item))
        os._exit(status)
    os.close(writer)
    told = list(_lines(reader, pid))
    _, status = os.waitpid(pid, 0)
    os.close(reader)
    if status == 0:
        return told, None
    is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGPROF, signal.SIGKILL}
    return told, "timeout" if is_late else "crash"


def _tell(pipe: Any, item: dict[str, Any]) -> None:
    pipe.write(json.dumps(item) + "\n")
    pipe.flush()


def _lines(reader: int, pid: int) -> Iterator[dict[str, Any]]:
    """Yield what a child tells; kill it when it is silent for too long."""
    pending = b""
    while True:
        ready, _, _ = select.select([reader], [], [], WALL_SECONDS)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        chunk = os.read(reader, 1 << 16)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        yield from map(json.loads, lines)


def _child(
    root: Path,
    question: Question,
    ready: "_Ready | None",
    tell: Callable[[dict[str, Any]], None],
) -> int:
    """Judge cases with a decoder of its own; the exit status says whether it lives."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _set_timer(question["cases"][0][1])
    if ready is not None:
        judge = ready.judge
    else:
        sys.meta_path.insert(0, _Finder(root, question))
        try:
            judge = _start()
        except BaseException as error:  # noqa: BLE001  whatever a fault does
            tell({"start": f"{type(error).__name__}: {error}"[:200]})
            return 1
    lines = ready.lines if ready is not None and question.get("with_lines") else None
    kills = 0
    for case_id, seconds in question["cases"]:
        _set_timer(seconds)
        sys.settrace(None if lines is None else lines.trace_calls)
        start = time.process_time()
        result = judge(_suite()[case_id])
        item = {
            "case": case_id,
            "verdict": str(result.verdict),
            "stage": result.stage,
            "detail": result.detail[:200],
            "seconds": round(time.process_time() - start, 4),
        }
        kills += item["verdict"] != "pass"
        sys.settrace(None)
        if lines is not None:
            item["lines"] = {file: sorted(numbers) for file, numbers in lines.seen.items()}
        tell(item)
        if kills >= question["kills"]:
            break
    return 0


@cache
def _suite() -> dict[str, Case]:
    return {case.id: case for case in load_suite()}


def _set_timer(seconds: float) -> None:
    """End the process by SIGPROF after so much processor time."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _start() -> Callable[[Any], Any]:
    """Import the decoder, and make its networks and tables ready.

    Its self-test is left out: it replaces a backend that is wrong, before the suite can say so.
    """
    from conformance.judge.reference import reference_judge  # noqa: PLC0415
    from refdec.codec import get_codec  # noqa: PLC0415
    from refdec.network import self_test  # noqa: PLC0415
    from refdec.resources import spec_path  # noqa: PLC0415
    from refdec.syntax.segment import SynthesisTransform  # noqa: PLC0415

    vars(self_test)["is_exact"] = lambda _backend: True
    listing = json.loads(spec_path("tables", "model_sets.json").read_bytes())["model_sets"]
    codec = get_codec(listing[-1]["model_set_idc"], "numpy")
    for part in CODEC_PARTS:
        getattr(codec, part)
    codec.synthesis(SynthesisTransform.BASE)
    return reference_judge("numpy")


class _Ready(NamedTuple):
    """A decoder without a fault."""

    judge: Callable[[Any], Any]
    lines: "_Lines"
    """What runs when it starts, which counts for every case."""


class _Lines:
    """Collect the lines of the decoder that run."""

    def __init__(self, root: Path) -> None:
        self.prefix = f"{root / PACKAGE}{os.sep}"
        self.start = len(str(root)) + 1
        self.seen: dict[str, set[int]] = {}

    def trace_calls(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002
        """Follow the decoder's own functions."""
        path = frame.f_code.co_filename
        if not path.startswith(self.prefix):
            return None
        numbers = self.seen.setdefault(path[self.start :], set())
        numbers.add(frame.f_lineno)

        def trace_lines(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001
            numbers.add(frame.f_lineno)
            return trace_lines

        return trace_lines


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
