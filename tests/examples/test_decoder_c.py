# SPDX-License-Identifier: Apache-2.0
"""The decoder in C of examples/decoder-c builds without warnings and agrees with golden streams."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DIRECTORY = Path(__file__).resolve().parents[2] / "examples" / "decoder-c"
FINDINGS = DIRECTORY.parents[1] / "tests" / "fuzz_findings"
STREAM = DIRECTORY.parents[1] / "conformance" / "streams" / "picture" / "thumbnail" / "stream.jai"
SAMPLE = (
    "picture/thumbnail",
    "picture/size-1",
    "picture/grey",
    "structure/tiles-and-layers",
    "structure/quality-map-tiles",
    "syntax/every-segment",
    "format/",
    "entropy/escape-lengths",
    "synthesis/saturated-random-63",
    "lossless/t",
    "invalid/ent",
    "invalid/so",
)
COMPILER = os.environ.get("CC", "cc")
pytestmark = [
    pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"no C compiler: {COMPILER}"),
    pytest.mark.skipif(shutil.which("make") is None, reason="no make"),
]


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=DIRECTORY, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("decoder-c")
    variables = (f"BUILD={build}", f"PYTHON={sys.executable}", f"CC={COMPILER}")
    done = _run("make", *variables, "CFLAGS=-O2 -Werror")
    assert done.returncode == 0, done.stderr
    return build / "jaidec"


def test_a_sample_of_the_golden_streams_and_mutations_of_them(program: Path) -> None:
    filters = [word for part in SAMPLE for word in ("--filter", part)]
    done = _run(sys.executable, "check.py", program, "--mutations", 40, *filters)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "another reason" not in done.stdout


def test_the_harness_judges_it_as_its_description_says(program: Path, tmp_path: Path) -> None:
    (tmp_path / "build").symlink_to(program.parent)
    description = shutil.copy(DIRECTORY / "jaidec.toml", tmp_path)
    filters = ("--filter", "picture/grey", "--filter", "format/ycc-422", "--filter", "alpha/deep")
    command = (sys.executable, "-m", "conformance", "run", "--decoder", description, *filters)
    done = _run(*command, "--filter", "animation/one-frame")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unsupported: 1 of feature animation" in done.stdout


def test_what_fuzzing_found_is_judged_right(program: Path, tmp_path: Path) -> None:
    (tmp_path / "build").symlink_to(program.parent)
    description = shutil.copy(DIRECTORY / "jaidec.toml", tmp_path)
    streams = sorted(FINDINGS.glob("lossless_*.jai"))
    command = (sys.executable, "-m", "conformance", "fuzz", "--decoder", description)
    done = _run(*command, *streams)
    assert done.returncode == 0, done.stdout + done.stderr


def test_planes_of_different_sizes_need_a_raw_file(program: Path, tmp_path: Path) -> None:
    stream = STREAM.parents[2] / "format" / "ycc-420" / "stream.jai"
    done = _run(program, stream, "-o", tmp_path / "out.ppm")
    assert done.returncode == 4
    assert "raw" in done.stderr
    assert not (tmp_path / "out.ppm").exists()


def test_wrong_usage_and_missing_files_have_exit_statuses(program: Path, tmp_path: Path) -> None:
    wrong = {
        (): 2,
        ("stream.jai", "--synthesis", "high"): 2,
        (str(tmp_path / "missing.jai"),): 6,
        (str(STREAM), "-o", str(tmp_path / "missing" / "out.ppm")): 6,
    }
    for arguments, status in wrong.items():
        done = _run(program, *arguments)
        assert done.returncode == status
        assert "jaidec" in done.stderr


def test_a_budget_refuses_a_larger_picture(program: Path) -> None:
    assert _run(program, STREAM, "--max-samples", 4095).returncode == 4
    assert _run(program, STREAM, "--max-samples", 4096).returncode == 0
