# SPDX-License-Identifier: Apache-2.0
"""The command line of the judge: statuses, choice of cases, descriptions, resuming."""

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance import ROOT
from conformance import smoke as smoke_module
from conformance.__main__ import main
from conformance.case import Case, load_suite
from conformance.judge import Result, Verdict
from conformance.judge.running import run_cases
from conformance.schema_check import load_schema

COLOUR, GREY = "picture/size-7x5", "picture/grey-1x1"
BROKEN = "invalid/eoc-001-missing"
NAMES = (COLOUR, GREY, BROKEN)
MAKE = Callable[[str], str]
REFDEC = f"{shlex.quote(sys.executable)} -m refdec"


def only(*names: str) -> list[str]:
    return [word for name in names for word in ("--filter", name)]


def run_json(path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main(["run", *arguments, "--json", str(path)])
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(document, load_schema("report"))
    return status, document


@pytest.fixture
def path_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT.parent))


@pytest.mark.usefixtures("path_to_us")
def test_reference_decoder_passes_as_a_program(tmp_path: Path) -> None:
    names = [*NAMES, "format/depth-10", "invalid/dph-006-digest-s"]
    command = f"{REFDEC} decode {{input}} -o {{output}}"
    status, document = run_json(tmp_path / "r.json", "--command", command, *only(*names))
    assert status == 0
    assert document["tally"] == {"pass": 4, "unsupported": 1}
    assert document["partial"]
    assert document["conforms"]
    assert document["subject"]["kind"] == "program"


@pytest.mark.usefixtures("path_to_us")
def test_described_decoder_is_judged_at_its_points(tmp_path: Path) -> None:
    description = tmp_path / "refdec.toml"
    description.write_text(
        f"""
schema = 1
name = "reference decoder"
command = {json.dumps(f"{REFDEC} decode --verify-if-any {{input}} -o {{output}}")}
format = "pam"
[latents]
command = {json.dumps(f"{REFDEC} latents {{input}} -o {{output}}")}
format = "npz"
[control_points]
command = {json.dumps(f"{REFDEC} trace {{input}} -o {{output}}")}
[capabilities]
points = ["L", "S"]
without = ["16 bits"]
[exit_codes]
rejects = [3, 4]
""".replace("--verify-if-any ", ""),
        encoding="utf-8",
    )
    names = [*NAMES, "synthesis/", "lossless/"]
    cases = load_suite(names)
    status, document = run_json(
        tmp_path / "r.json", "--decoder", str(description), *only(*names[:3])
    )
    assert status == 0
    assert document["subject"]["name"] == "reference decoder"
    by_id = {case["id"]: case for case in document["cases"]}
    assert by_id[COLOUR]["points"] == {"L": "pass", "S": "pass"}
    assert by_id[BROKEN]["points"] == {}
    lossless = next(c.id for c in cases if c.is_valid and "L" not in c.manifest["valid"]["digests"])
    _, document = run_json(tmp_path / "s.json", "--decoder", str(description), *only(lossless))
    assert set(document["cases"][0]["points"]) <= {"S"}


@pytest.mark.usefixtures("path_to_us")
def test_first_wrong_stage_is_named(tmp_path: Path, decoder: MAKE) -> None:
    spoil = """
import json, subprocess, sys
source, output = sys.argv[1:]
subprocess.run([sys.executable, "-m", "refdec", "trace", source, "-o", output], check=True)
document = json.load(open(output))
names = [point["name"] for point in document["points"]]
for point in document["points"][names.index("tile0/group2/phase0/residual"):]:
    point["sha256"] = "0" * 64
document["points"] = document["points"][::-1]
json.dump(document, open(output, "w"))
"""
    script = tmp_path / "trace.py"
    script.write_text(spoil, encoding="utf-8")
    words = shlex.split(decoder("write(b'P6 7 5 255 ' + bytes(105)) if picture else sys.exit(3)"))
    description = tmp_path / "wrong.toml"
    description.write_text(
        f"""
schema = 1
command = {json.dumps(words)}
control_points.command = [{json.dumps(sys.executable)}, "trace.py", "{{input}}", "{{output}}"]
""",
        encoding="utf-8",
    )
    status, document = run_json(tmp_path / "r.json", "--decoder", str(description), *only(COLOUR))
    assert status == 1
    assert document["cases"][0]["stage"] == "tile0/group2/phase0/residual"
    assert document["cases"][0]["difference"]["expected"] != 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ('schema = 1\ncommand = "cp {input}"', "lacks {output}"),
        ('schema = 1\ncommand = "/no/such/program {input} {output}"', "no program"),
        ("schema = 1", "either command or python"),
        ('schema = 2\ncommand = "cp {input} {output}"', "schema"),
        ('schema = 1\ncommand = "cp {input} {output}"\nformt = "ppm"', "formt"),
        ('schema = 1\ncommand = "cp {input} {output}"\npython = "a:b"', "either command or python"),
        ("schema = ", "Invalid value"),
        (
            'schema = 1\ncommand = "cp {input} {output}"\ncapabilities.without = ["losless"]',
            "lossless",
        ),
        (
            'schema = 1\ncommand = "cp {input} {output}"\ncapabilities.points = ["L"]',
            "[latents]",
        ),
    ],
)
def test_wrong_description_is_a_usage_error(
    change: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "decoder.toml"
    path.write_text(change, encoding="utf-8")
    assert main(["run", "--decoder", str(path)]) == 2
    assert complaint in capsys.readouterr().err


def test_program_and_its_files_are_found_from_where_the_judge_was_called(
    decoder: MAKE, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = shlex.split(decoder("right()"))
    monkeypatch.chdir(tmp_path)
    command = f"{shlex.quote(sys.executable)} decoder.py {{input}} {{output}} {words[-1]}"
    assert main(["run", "--command", command, *only(COLOUR)]) == 0


def test_backend_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--backend", "numpy", *only(COLOUR, BROKEN), "--all"]) == 0
    out = capsys.readouterr().out
    assert f"{COLOUR}" in out
    assert "PARTIAL: " in out


def test_failure_is_status_1(decoder: MAKE, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--command", decoder("sys.exit(1)"), *only(COLOUR)]) == 1
    assert "rejected" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "--backend", "abacus"],
        ["run", "--backend", "numpy", "--filter", "no such case"],
        ["run", "--backend", "numpy", "--suite", "nowhere"],
        ["run", "--backend", "numpy", "--profile", "best"],
        ["run", "--backend", "numpy", "--format", "png"],
        ["run", "--backend", "numpy", "--resume"],
        ["run", "--python", "refdec"],
        ["run", "--python", "refdec:nothing", "--filter", COLOUR],
        ["run", "--python", "no_such_module:decode", "--filter", COLOUR],
        ["run", "--command", "decode {input}"],
        ["run", "--command", "/no/such/decoder {input} {output}"],
        ["run", "--command", "cp {input} {output}", "--point", "L"],
        ["run", "--command", "cp {input} {output}", "--backend", "numpy"],
        ["run", "--command", "cp {input} {output}", "--timeout", "0"],
        ["run", "--command", "cp {input} {output}", "--memory", "much"],
        ["statement", "pyproject.toml"],
    ],
)
def test_usage_error_is_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT.parent)
    assert main(arguments) == 2
    assert "error" in capsys.readouterr().err


def test_program_that_cannot_start_is_a_failure_of_the_harness(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "decoder"
    program.write_bytes(b"no program at all")
    program.chmod(0o755)
    command = f"{shlex.quote(str(program))} {{input}} {{output}}"
    assert main(["run", "--command", command, *only(COLOUR)]) == 3
    assert "cannot start" in capsys.readouterr().err


def test_nothing_judged_is_no_conformance(decoder: MAKE, tmp_path: Path) -> None:
    arguments = ["--command", decoder("right()"), *only("invalid/dph-006-digest-s")]
    status, document = run_json(tmp_path / "r.json", *arguments)
    assert status == 1
    assert document["tally"] == {"unsupported": 1}
    assert not document["conforms"]


def test_decoder_that_declares_nothing_does_not_conform(tmp_path: Path, decoder: MAKE) -> None:
    path = tmp_path / "lazy.toml"
    words = shlex.split(decoder("sys.exit(4)"))
    text = f'schema = 1\ncommand = {json.dumps(words)}\n[capabilities]\nwithout = ["quality *"]'
    path.write_text(text, encoding="utf-8")
    status, document = run_json(tmp_path / "r.json", "--decoder", str(path))
    assert status == 1
    assert document["tally"].get("pass", 0) == 0
    assert not document["partial"]


def test_level_is_what_is_claimed_and_a_suite_is_a_part(tmp_path: Path) -> None:
    _, document = run_json(
        tmp_path / "r.json", "--backend", "numpy", "--profile", "simple", "--level", "1"
    )
    assert not document["partial"]
    assert {case["profile"] for case in document["cases"]} == {"simple"}
    _, document = run_json(
        tmp_path / "s.json", "--backend", "numpy", "--suite", "picture", *only("1x1")
    )
    assert document["partial"]
    assert {case["id"].partition("/")[0] for case in document["cases"]} == {"picture"}


@pytest.mark.parametrize(("jobs", "body"), [("1", "right()"), ("3", "time.sleep(0.2); right()")])
def test_known_failures(jobs: str, body: str, decoder: MAKE, tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    arguments = ["run", *only(*NAMES), "--known-failures", str(known), "--jobs", jobs]
    wrong = decoder("write(b'') if picture and picture[:2] == b'P5' else right()")
    known.write_text(f"# ours\n{GREY}  # monochrome is not done\n", encoding="utf-8")
    assert main([*arguments, "--command", wrong]) == 0
    known.write_text("", encoding="utf-8")
    assert main([*arguments, "--command", wrong]) == 1
    known.write_text(f"{GREY}\n{COLOUR}\n", encoding="utf-8")
    assert main([*arguments, "--command", wrong]) == 1
    known.write_text(f"{GREY}\n", encoding="utf-8")
    assert main([*arguments, "--command", decoder(body)]) == 1
    known.write_text("no/such-case\n", encoding="utf-8")
    assert main([*arguments, "--command", wrong]) == 2


def test_resumed_run_keeps_what_was_judged(
    decoder: MAKE, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "runs"
    body = f"open({str(note)!r}, 'a').write('x'); right()"
    path, command = tmp_path / "r.json", decoder(body)
    arguments = ["--command", command, "--resume"]
    run_json(path, *arguments, *only(COLOUR))
    status, document = run_json(path, *arguments, *only(*NAMES))
    assert status == 0
    assert document["tally"] == {"pass": 3}
    assert note.read_text(encoding="ascii") == "xxx"
    document["cases"][0]["verdict"] = "not run"
    path.write_text(json.dumps(document), encoding="utf-8")
    run_json(path, *arguments, *only(*NAMES))
    assert note.read_text(encoding="ascii") == "xxxx"
    other = ["run", "--backend", "numpy", *only(COLOUR), "--resume", "--json", str(path)]
    assert main(other) == 2
    assert "another subject" in capsys.readouterr().err


def test_interruption_leaves_the_rest_not_run() -> None:
    cases = load_suite(["invalid/"])

    later = {case.id for case in cases[4:]}

    def judge(case: Case) -> Result:
        time.sleep(0.5 * (case.id in later))  # far longer than the other thread needs to stop
        return Result(case.id, Verdict.PASS)

    def note(result: Result) -> None:
        if result.id == cases[3].id:
            raise KeyboardInterrupt

    results = run_cases(cases, judge, note=note)
    assert [result.id for result in results] == [case.id for case in cases]
    assert [str(result.verdict) for result in results[:3]] == ["pass"] * 3
    assert results[-1].verdict == "not run"


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--filter", "photo/*"]) == 0
    assert "photo/still-photo-1" in capsys.readouterr().out


def test_smoke_tells_harness_from_decoder(
    decoder: MAKE, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["smoke"]) == 0
    assert main(["smoke", "--command", decoder("right()")]) == 0
    assert main(["smoke", "--command", decoder("sys.exit(1)")]) == 1
    assert "the decoder is at fault" in capsys.readouterr().out
    wrong = smoke_module.EXPECTED | {"silent": smoke_module.EXPECTED["right"]}
    monkeypatch.setattr(smoke_module, "EXPECTED", wrong)
    assert main(["smoke"]) == 3
    assert "the harness is broken" in capsys.readouterr().out
