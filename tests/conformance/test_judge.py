# SPDX-License-Identifier: Apache-2.0
"""The harness catches wrong decoders, passes right ones, and tells its own failures apart."""

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from conformance import ROOT
from conformance.__main__ import main
from conformance.case import load_suite
from conformance.judge import Result, command_judge
from refdec.cli.picture_io import write_picture
from refdec.decoding import decode

COLOUR, GREY = "picture/size-7x5", "picture/grey-1x1"
BROKEN = "invalid/eoc-001-missing"
CASES = {case.id: case for case in load_suite([COLOUR, GREY, BROKEN])}

PREAMBLE = """
import hashlib, os, pathlib, shutil, signal, sys, time
source, output, known = sys.argv[1:]
digest = hashlib.sha256(pathlib.Path(source).read_bytes()).hexdigest()
found = [p for p in pathlib.Path(known).iterdir() if p.name.startswith(digest)]
picture = found[0].read_bytes() if found else None
def write(data): pathlib.Path(output).write_bytes(data)
"""
RIGHT = "write(picture) if picture else sys.exit(3)"
WRONG = {
    "exit 1 on everything": ("sys.exit(1)", "rejected", "rejected", "pass"),
    "exit 0 without output": ("", "no output", "no output", "accepted"),
    "stderr and exit 0": (
        "print('bad stream', file=sys.stderr)", "no output", "no output", "accepted",
    ),
    "constant": ("write(b'P6 7 5 255 ' + bytes([128]) * 105)", "fail", "fail", "accepted"),
    "accepts broken streams": ("write(picture or b'P6 1 1 255 123')", "pass", "pass", "accepted"),
    "leaves a picture behind": (
        "write(picture or b'P6 1 1 255 123'); sys.exit(not picture)", "pass", "pass", "accepted",
    ),
    "crash": ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "crash", "crash"),
    "crash in a shell": ("sys.exit(139)", "crash", "crash", "crash"),
    "crash after writing": (
        "picture and write(picture); os.abort()", "crash", "crash", "crash",
    ),
    "hang": ("time.sleep(60)", "timeout", "timeout", "timeout"),
    "hang on broken streams": (
        "write(picture) if picture else time.sleep(60)", "pass", "pass", "timeout",
    ),
    "one sample off by one": (
        "picture or sys.exit(3); write(picture[:-1] + bytes([picture[-1] ^ 1]))",
        "fail", "fail", "pass",
    ),
    "wrong size": (
        "picture or sys.exit(3); "  # noqa: ISC004
        "write(picture.replace(b'7 5', b'5 7', 1).replace(b'1 1', b'1 2', 1))",
        "fail", "fail", "pass",
    ),
    "cut picture": ("picture or sys.exit(3); write(picture[:-1])", "fail", "fail", "pass"),
    "second picture": ("picture or sys.exit(3); write(picture * 2)", "fail", "fail", "pass"),
    "wrong depth": (
        "picture or sys.exit(3); write(picture.replace(b'255', b'127', 1))", "fail", "fail", "pass",
    ),
    "empty picture": ("picture or sys.exit(3); write(b'')", "fail", "fail", "pass"),
    "copies the stream": ("shutil.copy(source, output)", "fail", "fail", "accepted"),
    "colour for grey": (
        "picture or sys.exit(3); "  # noqa: ISC004
        "grey = picture.startswith(b'P5'); "
        "write(b'P6 1 1 255 ' + picture[-1:] * 3 if grey else picture)",
        "pass", "fail", "pass",
    ),
    "blue first": (
        "picture or sys.exit(3); "  # noqa: ISC004
        "p = bytearray(picture); "
        "p[-105::3], p[-103::3] = p[-103::3], p[-105::3]; "
        "write(picture if picture.startswith(b'P5') else bytes(p))",
        "fail", "pass", "pass",
    ),
    "writes elsewhere": (
        "pathlib.Path(output + '.png').write_bytes(picture or b'')", "no output", "no output",
        "accepted",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for case in CASES.values():
        if case.is_valid:
            picture = decode(case.stream)
            digest = hashlib.sha256(case.stream).hexdigest()
            suffix = ".pgm" if len(picture.samples) == 1 else ".ppm"
            write_picture(folder / f"{digest}{suffix}", picture.samples, picture.bit_depth)
    return folder


@pytest.fixture
def decoder(tmp_path: Path, pictures: Path) -> Callable[[str], str]:
    def command(body: str) -> str:
        script = tmp_path / "decoder.py"
        script.write_text(PREAMBLE + body, encoding="utf-8")
        words = [sys.executable, "-I", "-S", str(script)]
        return f"{shlex.join(words)} {{input}} {{output}} {shlex.quote(str(pictures))}"

    return command


def judged(command: str, timeout: float = 20.0) -> list[Result]:
    judge = command_judge(command, picture_format="ppm", timeout=timeout)
    return [judge(CASES[name]) for name in (COLOUR, GREY, BROKEN)]


def test_right_decoder_passes(decoder: Callable[[str], str]) -> None:
    assert [str(result.verdict) for result in judged(decoder(RIGHT))] == ["pass", "pass", "pass"]


def is_gone(process: int) -> bool:
    command = Path("/proc") / str(process) / "cmdline"
    return not (command.is_file() and command.read_bytes())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_child_left_behind_is_ended(decoder: Callable[[str], str], tmp_path: Path) -> None:
    note = tmp_path / "child"
    body = f"""
child = os.fork()
if child == 0: time.sleep(60)
pathlib.Path({str(note)!r}).write_text(str(child))
{RIGHT}"""
    assert judged(decoder(body))[0].verdict == "pass"
    child = int(note.read_text(encoding="ascii"))
    for _ in range(100):
        if is_gone(child):
            break
        time.sleep(0.05)
    assert is_gone(child)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_decoder_is_caught(name: str, decoder: Callable[[str], str]) -> None:
    body, *verdicts = WRONG[name]
    timeout = {0: 20.0, 3: 0.5}.get(verdicts.count("timeout"), 2.0)
    assert [str(result.verdict) for result in judged(decoder(body), timeout)] == verdicts
    assert verdicts != ["pass", "pass", "pass"]


def test_reference_decoder_passes_as_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT.parent))
    report = tmp_path / "report.json"
    command = f"{shlex.quote(sys.executable)} -m refdec decode {{input}} -o {{output}}"
    names = [COLOUR, GREY, BROKEN, "format/depth-10", "invalid/dph-006-digest-s"]
    filters = [word for name in names for word in ("--filter", name)]
    arguments = ["run", "--command", command, *filters, "--json", str(report), "--timeout", "60"]
    assert main(arguments) == 0
    assert f"partial: {len(names)} of" in capsys.readouterr().out
    document = json.loads(report.read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "schema" / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert document["tally"] == {"pass": 4, "not run": 1}
    assert document["partial"]
    assert document["conforms"]


@pytest.mark.parametrize("picture_format", ["png", "npy"])
def test_other_picture_formats_are_read(
    picture_format: str, tmp_path: Path, decoder: Callable[[str], str]
) -> None:
    picture = decode(CASES[COLOUR].stream)
    stored = tmp_path / f"picture.{picture_format}"
    write_picture(stored, picture.samples, picture.bit_depth)
    command = decoder(f"shutil.copy({str(stored)!r}, output)")
    judge = command_judge(command, picture_format=picture_format, timeout=20.0)
    assert judge(CASES[COLOUR]).verdict == "pass"
    assert judge(CASES[GREY]).verdict == "fail"


def test_wrong_array_is_a_failure(tmp_path: Path, decoder: Callable[[str], str]) -> None:
    samples = decode(CASES[COLOUR].stream).samples
    for name, wrong in {
        "float": samples.astype(np.float64),
        "interleaved": samples.transpose(1, 2, 0),
        "nan": np.full(samples.shape, np.nan),
    }.items():
        stored = tmp_path / f"{name}.npy"
        np.save(stored, wrong)
        command = decoder(f"shutil.copy({str(stored)!r}, output)")
        judge = command_judge(command, picture_format="npy", timeout=20.0)
        assert judge(CASES[COLOUR]).verdict == "fail"


def test_backend_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--backend", "numpy", "--filter", COLOUR, "--filter", BROKEN]) == 0
    assert "2 pass" in capsys.readouterr().out


def test_failure_is_status_1(
    decoder: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--command", decoder("sys.exit(1)"), "--filter", COLOUR]) == 1
    assert "rejected" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "--backend", "abacus"],
        ["run", "--backend", "numpy", "--filter", "no such case"],
        ["run", "--command", "decode {input}"],
        ["run", "--command", "decode {input} {output}", "--backend", "numpy"],
        ["run", "--command", "decode {input} {output}", "--timeout", "0"],
    ],
)
def test_usage_error_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "error" in capsys.readouterr().err


def test_missing_program_is_a_failure_of_the_harness(capsys: pytest.CaptureFixture[str]) -> None:
    command = "/no/such/decoder {input} {output}"
    assert main(["run", "--command", command, "--filter", COLOUR]) == 3
    assert "/no/such/decoder" in capsys.readouterr().err


def test_nothing_judged_is_no_conformance(
    decoder: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    only = ["--filter", "invalid/dph-006-digest-s"]
    assert main(["run", "--command", decoder(RIGHT), *only]) == 1
    assert "not run" in capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--filter", "photo/*"]) == 0
    assert "photo/still-photo-1" in capsys.readouterr().out
