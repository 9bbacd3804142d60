# SPDX-License-Identifier: Apache-2.0
"""Decoders made up for the tests of the judge."""

import hashlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.case import Case, load_suite
from refdec.cli.picture_io import write_picture
from refdec.decoding import decode

COLOUR, GREY = "picture/size-7x5", "picture/grey-1x1"
BROKEN = "invalid/eoc-001-missing"

PREAMBLE = """
import hashlib, os, pathlib, shutil, signal, socket, sys, time
source, output, known = sys.argv[1:]
digest = hashlib.sha256(pathlib.Path(source).read_bytes()).hexdigest()
found = [p for p in pathlib.Path(known).iterdir() if p.name.startswith(digest)]
others = [p for p in pathlib.Path(known).iterdir() if p not in found]
picture = found[0].read_bytes() if found else None
def write(data, name=output): pathlib.Path(name).write_bytes(data)
def right(): write(picture) if picture else sys.exit(3)
"""


@pytest.fixture(scope="session")
def three_cases() -> list[Case]:
    """A colour picture, a grey one and a broken stream."""
    cases = {case.id: case for case in load_suite([COLOUR, GREY, BROKEN])}
    return [cases[name] for name in (COLOUR, GREY, BROKEN)]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, three_cases: list[Case]) -> Path:
    """The right pictures, named by the SHA-256 of their streams."""
    folder = tmp_path_factory.mktemp("pictures")
    for case in three_cases:
        if case.is_valid:
            picture = decode(case.stream)
            digest = hashlib.sha256(case.stream).hexdigest()
            suffix = ".pgm" if len(picture.samples) == 1 else ".ppm"
            write_picture(folder / f"{digest}{suffix}", picture)
    return folder


@pytest.fixture
def decoder(tmp_path: Path, pictures: Path) -> Callable[[str], str]:
    """Make the command line of a decoder out of Python statements."""

    def command(body: str) -> str:
        script = tmp_path / "decoder.py"
        script.write_text(PREAMBLE + body, encoding="utf-8")
        words = [sys.executable, "-I", "-S", str(script)]
        return f"{shlex.join(words)} {{input}} {{output}} {shlex.quote(str(pictures))}"

    return command
