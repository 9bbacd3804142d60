# SPDX-License-Identifier: Apache-2.0
"""Wrong decoders are caught, each with the right verdict; right ones pass."""

import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.case import Case, load_suite
from conformance.judge.decoder import Decoder, command_words
from conformance.judge.limits import Limits
from conformance.judge.program import program_judge
from conformance.judge.running import Request
from conformance.judge.sandbox import can_isolate_network
from conformance.judge.verdict import Result

MAKE = Callable[[str], str]
REFUSE = "picture or sys.exit(3); "
WRONG = {
    "exit 1 on everything": ("sys.exit(1)", "rejected", "rejected", "pass"),
    "answers unsupported to everything": (
        "print('unsupported', file=sys.stderr); sys.exit(4)", "rejected", "rejected", "pass",
    ),
    "exit 0 without output": ("", "no output", "no output", "accepted"),
    "stderr and exit 0": (
        "print('bad stream', file=sys.stderr)", "no output", "no output", "accepted",
    ),
    "constant": ("write(b'P6 7 5 255 ' + bytes([128]) * 105)", "fail", "fail", "accepted"),
    "noise": (
        "write(b'P6 7 5 255 ' + os.urandom(105))",
        "fail", "fail", "accepted",
    ),
    "accepts broken streams": ("write(picture or b'P6 1 1 255 123')", "pass", "pass", "accepted"),
    "leaves a picture behind": (
        "write(picture or b'P6 1 1 255 123'); sys.exit(not picture)", "pass", "pass", "accepted",
    ),
    "leaves half a file behind": (
        "write(picture) if picture else (write(b'P6', output + '.part'), sys.exit(3))",
        "pass", "pass", "accepted",
    ),
    "crash": ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "crash", "crash"),
    "crash in a shell": ("sys.exit(139)", "crash", "crash", "crash"),
    "crash after writing": (
        "picture and write(picture); os.abort()", "crash", "crash", "crash",
    ),
    "unhandled error on broken streams": (
        "write(picture) if picture else {}['marker']", "pass", "pass", "crash",
    ),
    "sanitizer report on broken streams": (
        "right() if picture else "  # noqa: ISC004
        "(print('==1==ERROR: AddressSanitizer: overflow', file=sys.stderr), sys.exit(1))",
        "pass", "pass", "crash",
    ),
    "hang": ("time.sleep(60)", "timeout", "timeout", "timeout"),
    "hang on broken streams": (
        "write(picture) if picture else time.sleep(60)", "pass", "pass", "timeout",
    ),
    "writes, then hangs": (
        "picture and write(picture); time.sleep(60)", "timeout", "timeout", "timeout",
    ),
    "memory bomb": (
        "bytearray(1 << 40)", "out of memory", "out of memory", "out of memory",
    ),
    "memory bomb on broken streams": (
        "right() if picture else bytearray(1 << 40)", "pass", "pass", "out of memory",
    ),
    "endless file": (
        "f = open(output, 'wb')\nwhile True: f.write(bytes(1 << 20))", "crash", "crash", "crash",
    ),
    "one sample off by one": (
        REFUSE + "write(picture[:-1] + bytes([picture[-1] ^ 1]))", "fail", "fail", "pass",
    ),
    "wrong size": (
        REFUSE + "write(picture.replace(b'7 5', b'5 7', 1).replace(b'1 1', b'1 2', 1))",
        "fail", "fail", "pass",
    ),
    "cut picture": (REFUSE + "write(picture[:-1])", "fail", "fail", "pass"),
    "second picture": (REFUSE + "write(picture * 2)", "fail", "fail", "pass"),
    "second picture in its own file": (
        REFUSE + "write(picture); write(picture, output + '.2.ppm')", "fail", "fail", "pass",
    ),
    "wrong depth": (REFUSE + "write(picture.replace(b'255', b'127', 1))", "fail", "fail", "pass"),
    "empty picture": (REFUSE + "write(b'')", "fail", "fail", "pass"),
    "the picture of another stream": (
        REFUSE + "write(others[0].read_bytes())", "fail", "fail", "pass",
    ),
    "copies the stream": ("shutil.copy(source, output)", "fail", "fail", "accepted"),
    "colour for grey": (
        REFUSE + "grey = picture.startswith(b'P5'); "
        "write(b'P6 1 1 255 ' + picture[-1:] * 3 if grey else picture)",
        "pass", "fail", "pass",
    ),
    "opaque alpha added": (
        REFUSE + "n = picture.startswith(b'P6'); w = b'7' if n else b'1'; "
        "h = b'5' if n else b'1'; p = picture[-105:] if n else picture[-1:]; "
        "d = b'4' if n else b'2'; s = 3 if n else 1; "
        "write(b'P7\\nWIDTH ' + w + b'\\nHEIGHT ' + h + b'\\nDEPTH ' + d + b'\\nMAXVAL 255\\n"
        "ENDHDR\\n' + b''.join(p[i:i + s] + b'\\xff' for i in range(0, len(p), s)))",
        "fail", "fail", "pass",
    ),
    "blue first": (
        REFUSE + "p = bytearray(picture); "
        "p[-105::3], p[-103::3] = p[-103::3], p[-105::3]; "
        "write(picture if picture.startswith(b'P5') else bytes(p))",
        "fail", "pass", "pass",
    ),
    "upside down": (
        REFUSE + "rows = [picture[-105:][i:i + 21] for i in range(0, 105, 21)]; "
        "write(picture if picture.startswith(b'P5') else picture[:-105] + b''.join(rows[::-1]))",
        "fail", "pass", "pass",
    ),
    "writes elsewhere": (
        "pathlib.Path(output + '.png').write_bytes(picture or b'')", "no output", "no output",
        "accepted",
    ),
    "changes its input": (
        "os.chmod(source, 0o644); write(b'changed', source); right()", "fail", "fail", "fail",
    ),
    "writes outside its directories": (
        "write(b'', pathlib.Path(output).parent.parent / 'note'); right()",
        "fail", "fail", "fail",
    ),
}  # fmt: skip


def judged(
    command: str,
    cases: list[Case],
    *,
    timeout: float = 20.0,
    rejects: tuple[int, ...] = (),
    offline: bool = True,
) -> list[Result]:
    decoder = Decoder(
        name="made up", command=command_words(command, Path.cwd()), rejects=frozenset(rejects)
    )
    limits = Limits(timeout=timeout, memory=2048, file=16, offline=offline)
    judge = program_judge(decoder, limits=limits, request=Request(points=("S",)))
    return [judge(case) for case in cases]


def verdicts(results: list[Result]) -> list[str]:
    return [str(result.verdict) for result in results]


def test_right_decoder_passes(decoder: MAKE, three_cases: list[Case]) -> None:
    assert verdicts(judged(decoder("right()"), three_cases)) == ["pass"] * 3


@pytest.mark.parametrize("name", WRONG)
def test_wrong_decoder_is_caught(name: str, decoder: MAKE, three_cases: list[Case]) -> None:
    body, *expected = WRONG[name]
    timeout = {0: 20.0, 3: 0.5}.get(expected.count("timeout"), 2.0)
    assert verdicts(judged(decoder(body), three_cases, timeout=timeout)) == expected
    assert expected != ["pass"] * 3


def test_there_are_enough_wrong_decoders() -> None:
    assert len(WRONG) >= 25
    assert {verdict for _, *found in WRONG.values() for verdict in found} == {
        "pass", "fail", "rejected", "no output", "accepted", "crash", "timeout", "out of memory",
    }  # fmt: skip


def test_status_that_is_no_declared_refusal_is_a_crash(
    decoder: MAKE, three_cases: list[Case]
) -> None:
    command = decoder("right()")
    assert verdicts(judged(command, three_cases, rejects=(3, 4))) == ["pass"] * 3
    assert verdicts(judged(command, three_cases, rejects=(5,))) == ["pass", "pass", "crash"]


def test_change_of_the_suite_is_caught(decoder: MAKE, tmp_path: Path) -> None:
    root = tmp_path / "suite"
    original = load_suite(["picture/size-7x5"])[0]
    shutil.copytree(original.directory, root / original.id)
    case = load_suite(root=root)[0]
    result = judged(decoder(f"right(); write(b'x', {str(case.stream_path)!r})"), [case])[0]
    assert result.verdict == "fail"
    assert "stream.jai" in result.detail


@pytest.mark.skipif(not can_isolate_network(), reason="this system keeps the network")
def test_decoder_has_no_network(decoder: MAKE, three_cases: list[Case]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        body = f"socket.create_connection(('127.0.0.1', {port}), 5); right()"
        online = judged(decoder(body), three_cases[:1], offline=False)[0]
        assert online.verdict == "pass"
        result = judged(decoder(body), three_cases[:1])[0]
        assert result.verdict == "crash"
        assert "Errno" in result.detail


def test_files_of_the_decoder_stay_in_its_directory(
    decoder: MAKE, three_cases: list[Case], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    body = "write(b'', os.path.expanduser('~/.cache')); write(b'', 'scratch'); right()"
    assert verdicts(judged(decoder(body), three_cases)) == ["pass"] * 3
    assert not list(home.iterdir())


def is_gone(process: int) -> bool:
    command = Path("/proc") / str(process) / "cmdline"
    return not (command.is_file() and command.read_bytes())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_child_left_behind_is_ended(decoder: MAKE, three_cases: list[Case], tmp_path: Path) -> None:
    note = tmp_path / "child"
    body = f"""
child = os.fork()
if child == 0: time.sleep(60)
pathlib.Path({str(note)!r}).write_text(str(child))
right()"""
    assert judged(decoder(body), three_cases[:1])[0].verdict == "pass"
    child = int(note.read_text(encoding="ascii"))
    for _ in range(100):
        if is_gone(child):
            break
        time.sleep(0.05)
    assert is_gone(child)


def test_first_difference_is_shown(decoder: MAKE, three_cases: list[Case]) -> None:
    body = REFUSE + "write(picture[:-1] + bytes([picture[-1] ^ 1]))"
    difference = judged(decoder(body), three_cases)[0].difference
    assert difference is not None
    assert (difference.plane, difference.y, difference.x) == (2, 4, 6)
    assert abs(difference.actual - difference.expected) == 1
    assert (difference.count, difference.total, difference.peak) == (1, 105, 1)
    assert set(difference.pictures) == {"expected", "actual", "difference"}


def test_capabilities_that_are_not_declared_are_never_a_pass(
    decoder: MAKE, three_cases: list[Case]
) -> None:
    command = command_words(decoder("right()"), Path.cwd())
    able = Decoder(name="able", command=command)
    colour, grey, broken = three_cases
    request = Request(points=("S",))
    for unable, case in (
        (replace(able, profile="simple"), colour),
        (replace(able, max_level=0), colour),
        (replace(able, without=("mono*",)), grey),
        (replace(able, without=("quality *",)), broken),
    ):
        judge = program_judge(unable, limits=Limits(), request=request)
        assert judge(case).verdict == "unsupported"
    verifying = load_suite(["invalid/dph-006-digest-s"])[0]
    judge = program_judge(able, limits=Limits(), request=request)
    assert judge(verifying).verdict == "unsupported"
    judge = program_judge(replace(able, verifies=True), limits=Limits(), request=request)
    assert judge(verifying).verdict == "pass"
