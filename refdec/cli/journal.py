# SPDX-License-Identifier: Apache-2.0
"""The memory of a command for many files: which of them are done."""

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from refdec import __version__

NOT_SETTINGS = frozenset(
    ("inputs", "output", "jobs", "resume", "scheduler", "backend", "threads", "command")
)
"""Options that leave what is written as it is."""


class Task(NamedTuple):
    """One file to convert. Strings: there may be millions of them."""

    source: str
    output: str


class Stamp(NamedTuple):
    """By what a file is recognised as unchanged."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str) -> "Stamp":
        """Look at a file."""
        found = os.stat(path)  # noqa: PTH116
        return cls(found.st_size, found.st_mtime_ns)


class Journal:
    """The file of a directory that says what was written there, from what, and how.

    Outputs are written whole or not at all; a line follows each. A line that was cut off by a
    crash is passed over, and its file is done again.
    """

    def __init__(self, path: Path, settings: str, *, resume: bool) -> None:
        self._root, self._settings = path.parent, settings
        self._done = dict(self._read(path)) if resume else {}
        self._file = path.open("a" if resume else "w", encoding="utf-8")
        if resume:
            self._file.write("\n")

    @classmethod
    def opened(cls, program: str, options: argparse.Namespace) -> "Journal":
        """Open the journal of the output directory."""
        settings = {k: v for k, v in vars(options).items() if k not in NOT_SETTINGS}
        text = f"{__version__} {sorted(settings.items())}"
        path = options.output.absolute() / f".{program}-done.jsonl"
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return cls(path, digest, resume=options.resume)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def _read(self, path: Path) -> Iterator[tuple[str, list[object]]]:
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    name, *facts = json.loads(line)
                except (ValueError, TypeError):
                    continue
                yield str(name), facts

    def _facts(self, stamps: tuple[Stamp, Stamp]) -> list[object]:
        return [self._settings, *map(list, stamps)]

    def _name(self, task: Task) -> str:
        return Path(task.output).relative_to(self._root).as_posix()

    def has(self, task: Task) -> bool:
        """Whether the output is there, and is what would be written again."""
        if not self._done or (facts := self._done.get(self._name(task))) is None:
            return False
        try:
            return facts == self._facts((Stamp.of(task.source), Stamp.of(task.output)))
        except OSError:
            return False

    def add(self, task: Task, stamps: tuple[Stamp, Stamp]) -> None:
        """Write down what was done: the stamps of the input before and of the output after."""
        line = [self._name(task), *self._facts(stamps)]
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
