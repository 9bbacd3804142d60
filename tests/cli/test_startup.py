# SPDX-License-Identifier: Apache-2.0
"""Whole processes: what they import, and how they end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import refdec

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(refdec.__file__).parent.parent)}


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )


LIST_MODULES = """
import sys
from refdec.cli.main import main
try:
    status = main(sys.argv[2:])
except SystemExit as stop:
    status = stop.code
unwanted = [name for name in sys.argv[1].split(",") if name in sys.modules]
print("status", status, "imported", unwanted)
"""


@pytest.mark.parametrize(
    ("unwanted", "arguments", "status"),
    [
        ("torch,numpy,construct,PIL", ["--help"], 0),
        ("torch,numpy,construct,PIL", ["decode"], 2),
        ("torch,PIL", ["inspect", "{stream}"], 0),
        ("torch", ["decode", "{stream}", "--verify"], 0),
        ("torch", ["decode", "{stream}", "-o", "x.unknown"], 2),
        ("torch", ["decode", "{stream}x"], 6),
        ("torch", ["verify", "{stream}"], 0),
        ("torch", ["complexity", "{stream}"], 0),
    ],
)
def test_nothing_heavy_is_imported(
    hashed: Path, unwanted: str, arguments: list[str], status: int
) -> None:
    filled = [argument.format(stream=hashed) for argument in arguments]
    result = run_python(LIST_MODULES, unwanted, *filled)
    assert result.stdout.endswith(f"status {status} imported []\n"), result


def test_reader_that_goes_away_is_no_error(hashed: Path) -> None:
    code = "import sys; from refdec.cli.main import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code, "inspect", str(hashed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == b""
    assert process.returncode == 141
