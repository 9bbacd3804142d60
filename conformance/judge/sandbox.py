# SPDX-License-Identifier: Apache-2.0
"""Run a program on one stream, in a directory of its own, and tell how it ended.

What is promised: limits on time, memory and file size; no network where the system lets an
ordinary process give it up; HOME and TMPDIR inside the directory; changes to the stream, to the
suite and to the directory of the run are noticed. It is no jail: a hostile program can write
wherever the user may.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.judge import launch
from conformance.judge.launch import CANNOT_START, STATUS_CANNOT_START
from conformance.judge.limits import MIB, Limits
from conformance.judge.verdict import Verdict

STDERR_SHOWN = 300
_STDERR_READ = 1 << 16
_SHELL_SIGNAL = 128
"""A shell reports the death of its child by signal N as this plus N."""
_SIGNALS = {member.value: member.name for member in signal.Signals}
_NEAR_LIMIT = 0.9
_MEMORY_WORDS = re.compile(
    r"MemoryError|bad_alloc|out of memory|cannot allocate memory|memory allocation of \d+ bytes",
    re.IGNORECASE,
)
_CRASH_WORDS = re.compile(
    r"Traceback \(most recent call last\)|ERROR: \w+Sanitizer|runtime error: |panicked at |"
    r"terminate called after|Assertion .*failed|Segmentation fault|Unhandled exception"
)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a program ended."""

    status: int | None
    """Exit status, negative for a signal; None after a timeout."""
    stderr: str
    """The end of what it complained, at most `STDERR_SHOWN` characters."""
    is_out_of_memory: bool = False
    is_crash: bool = False
    """A signal, or words on stderr that only an unhandled error leaves behind."""

    @property
    def violation(self) -> tuple[Verdict, str] | None:
        """The verdict when it did not end in good order, else None."""
        if self.status is None:
            return Verdict.TIMEOUT, self.stderr
        if self.is_out_of_memory:
            return Verdict.OUT_OF_MEMORY, self.stderr
        if self.is_crash:
            number = -self.status if self.status < 0 else self.status - _SHELL_SIGNAL
            is_signal = number in _SIGNALS
            cause = f"signal {number}, {_SIGNALS[number]}" if is_signal else f"status {self.status}"
            return Verdict.CRASH, f"{cause}: {self.stderr}" if self.stderr else cause
        return None


@cache
def can_isolate_network() -> bool:
    """Whether programs are run without network."""
    code = "import launch, sys; sys.exit(not launch.leave_network())"
    folder = str(Path(launch.__file__).parent)
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {folder!r}); {code}"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


def run_program(
    command: Sequence[str], directory: Path, limits: Limits, environment: Mapping[str, str]
) -> Ending:
    """Run a program with its children in `directory`/work.

    Parameters
    ----------
    environment : set on top of this process's own.

    Raises
    ------
    OSError
        The program cannot be started: a fault of the harness or of its command line.
    """
    for name in ("work", "home", "tmp"):
        (directory / name).mkdir(exist_ok=True)
    places = {"HOME": str(directory / "home"), "TMPDIR": str(directory / "tmp")}
    launcher = [sys.executable, "-I", "-S", str(Path(launch.__file__)), limits.as_json()]
    with (directory / "stderr.txt").open("w+b") as stderr:
        process = subprocess.Popen(  # noqa: S603
            [*launcher, *command],
            cwd=directory / "work",
            env=os.environ | places | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        status, usage = _wait(process, limits.timeout)
        stderr.seek(max(stderr.seek(0, os.SEEK_END) - _STDERR_READ, 0))
        text = stderr.read(_STDERR_READ).decode(errors="replace").strip()
    if status == STATUS_CANNOT_START and text.startswith(CANNOT_START):
        raise OSError(text)
    return _ending(status, text, usage, limits)


def _wait(
    process: subprocess.Popen[bytes], timeout: float
) -> tuple[int | None, resource.struct_rusage]:
    """Wait, end the whole session, and return the status, None after a timeout."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        _kill(process.pid)

    timer = threading.Timer(timeout, end)
    timer.start()
    try:
        _, code, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process.pid)
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(code)
    _kill(process.pid)
    return None if is_late.is_set() else process.returncode, usage


def _kill(session: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)


def _ending(status: int | None, text: str, usage: resource.struct_rusage, limits: Limits) -> Ending:
    is_bad = status is None or status != 0
    resident = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    is_full = bool(limits.memory) and resident > _NEAR_LIMIT * limits.memory * MIB
    is_killed = status in {-signal.SIGKILL, _SHELL_SIGNAL + signal.SIGKILL}
    is_signal = status is not None and (status < 0 or status - _SHELL_SIGNAL in _SIGNALS)
    lines = text.splitlines()
    return Ending(
        status=status,
        stderr=lines[-1][:STDERR_SHOWN] if lines else "",
        is_out_of_memory=is_bad and (bool(_MEMORY_WORDS.search(text)) or is_full or is_killed),
        is_crash=is_signal or (is_bad and bool(_CRASH_WORDS.search(text))),
    )


class Watch:
    """Notices files that appear, change or vanish below some directories."""

    def __init__(self, roots: Sequence[Path], *, ignore: Sequence[Path] = ()) -> None:
        self.roots, self.ignore = tuple(roots), frozenset(ignore)
        self.before = self._look()

    def changes(self) -> list[str]:
        """Return the names of what is not as it was, and forget the old state."""
        before, self.before = self.before, self._look()
        names = {path for path, _ in before.items() ^ self.before.items()}
        return sorted(names)

    def _look(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for root in self.roots:
            for path in root.rglob("*"):
                if path.parent in self.ignore or path in self.ignore:
                    continue
                with suppress(OSError):
                    state = path.lstat()
                    if not path.is_dir():
                        found[str(path)] = state.st_mtime_ns, state.st_size, state.st_ino
        return found
