# SPDX-License-Identifier: Apache-2.0
"""Fuzzing: the streams of a seed, what is found in wrong decoders, and how small it becomes."""

import itertools
import shlex
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from conformance.__main__ import main
from conformance.case import Case, load_suite
from conformance.fuzzing.corpus import dictionary
from conformance.fuzzing.filling import filled
from conformance.fuzzing.guided import Finding, examine
from conformance.fuzzing.guided import main as guided
from conformance.fuzzing.mutation import CHANGES, anatomy, change_element, damaged, with_crcs
from conformance.fuzzing.oracle import examiner
from conformance.fuzzing.shrink import shrunk
from conformance.fuzzing.streams import Stream, drawn_codestreams, streams
from conformance.judge.reference import reference_judge
from conformance.judge.verdict import Result, Verdict
from refdec.decoding import decode_frames, parse
from refdec.errors import HashMismatch, RefdecError
from refdec.syntax import parser
from refdec.syntax.framing import segment_name
from refdec.syntax.segment import Marker
from refenc.codestream import write_codestream

PREAMBLE = "import refdec\n\ndef decode(data):\n"
WRONG = {
    "the last row is not written": (
        "    s = refdec.decode(data).samples.copy(); s[:, -1] ^= 1; return s",
        "fail",
    ),
    "nothing is refused": (
        "    try: return refdec.decode(data)\n    except refdec.RefdecError: return b''",
        "accepted",
    ),
    "an error of its own on some streams": (
        "    return {}[data[6]] if len(data) % 2 else refdec.decode(data)",
        "crash",
    ),
}
COUNT = 30


def taken(seed: int, count: int) -> list[Stream]:
    return list(itertools.islice(streams(seed), count))


def test_the_same_seed_gives_the_same_streams_and_another_seed_others() -> None:
    first = taken(5, COUNT)
    assert first == taken(5, COUNT)
    assert len({stream.data for stream in first}) > COUNT * 0.8
    assert not {s.data for s in first[:9]} <= {s.data for s in taken(6, 9)}


def test_filled_streams_decode_and_have_every_tool() -> None:
    seen: Counter[str] = Counter()
    for number, codestream in enumerate(drawn_codestreams(3, 0, 60)):
        try:
            data = write_codestream(filled(codestream, number))
            frames = list(decode_frames(data))
        except RefdecError:
            continue
        seen["frames"] += len(frames) > 1
        seen["alpha"] += codestream.tools.alpha_flag
        seen["lossless"] += codestream.tools.enhancement_flag and not codestream.tools.base_flag
        seen["enhanced"] += codestream.tools.enhancement_flag and codestream.tools.base_flag
    assert set(+seen) == {"frames", "alpha", "lossless", "enhanced"}


@pytest.fixture(scope="module")
def golden() -> list[bytes]:
    names = ["picture/size-7x5", "structure/crc", "syntax/every-segment", "alpha/", "animation/"]
    cases = load_suite(names)
    return [case.stream for case in cases if case.is_valid and len(case.stream) < 2000]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_way_to_damage_gets_past_the_parser_and_is_refused_at_times(
    change: object, golden: list[bytes]
) -> None:
    draw, refused, parsed = Random(1), 0, 0
    for _ in range(200):
        try:
            parse(change(draw.choice(golden), draw.choice(golden), draw))
        except RefdecError:
            refused += 1
        else:
            parsed += 1
    assert refused > 20
    assert parsed > 5


def test_anything_can_be_damaged(golden: list[bytes]) -> None:
    draw = Random(2)
    for data in [b"", b"\xff", b"\xff\x80", *golden]:
        for _ in range(20):
            damaged(data, golden, draw)


def test_a_changed_element_keeps_the_crcs_right(golden: list[bytes]) -> None:
    with_crc = [data for data in golden if parse(data).picture_header.segment_crc_flag]
    draw = Random(3)
    for data in with_crc:
        assert with_crcs(data, anatomy(data).segments) == data
        reasons = set()
        for _ in range(60):
            try:
                parse(change_element(data, data, draw))
            except RefdecError as error:
                reasons.add(error.requirement)
        assert len(reasons - {"SEG-008"}) > 5


def test_a_stream_is_shrunk_to_what_shows_the_fault() -> None:
    data = bytes(range(1, 200))
    assert shrunk(data, lambda other: b"\x40\x41" in other, 2000) == b"\x40\x41"
    calls: list[bytes] = []
    assert shrunk(data, lambda other: bool(calls.append(other)), 10) == data  # type: ignore[func-returns-value]
    assert len(calls) == 10


def test_a_finding_is_shrunk_in_sound_frames() -> None:
    (case,) = load_suite(["structure/every-segment", "syntax/every-segment"])[:1]

    def has_metadata(data: bytes) -> bool:
        try:
            return bool(parse(data).metadata)
        except RefdecError:
            return False

    small = shrunk(case.stream, has_metadata, 2000)
    assert len(small) < len(case.stream) / 2
    markers = {segment.marker for segment in parse(small).segments}
    assert markers >= {Marker.SOC, Marker.PIH, Marker.MTD, Marker.EOC}


def test_damage_behind_the_first_frame_and_animations_of_one_frame_are_judged(
    tmp_path: Path,
) -> None:
    path = Path(__file__).parents[1] / "fuzz_findings" / "damage_in_the_second_frame.jai"
    data = path.read_bytes()
    judge = reference_judge("numpy", ("S",))
    result = examiner(judge, tmp_path, timeout=60)(data)
    assert (result.verdict, result.detail[:13]) == ("pass", "invalid (ENT-")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_decoder_is_found_and_the_finding_shows_it_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body, verdict = WRONG[name]
    monkeypatch.setattr("conformance.fuzzing.command.MAX_TRIES", 8)
    (tmp_path / "made_up.py").write_text(PREAMBLE + body, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["fuzz", "--python", "made_up:decode", "--count", "40", "--seed", "2"]) == 1
    output = capsys.readouterr().out
    again = [line.partition("again: ")[2] for line in output.splitlines() if "again: " in line]
    kept = sorted(tmp_path.glob("fuzz-2-*.jai"))
    assert len(kept) == len(again) >= 1
    found = set()
    for command in again:
        assert main(shlex.split(command)[1:]) == 1
        line = capsys.readouterr().out.splitlines()[-1]
        found.add(line.split(": ", 1)[1].partition("  ")[0])
    assert verdict in found
    arguments = [str(path) for path in kept]
    assert main(["fuzz", "--backend", "numpy", *arguments]) == 0


def test_a_program_is_fuzzed_as_it_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conformance.fuzzing.command.MAX_TRIES", 8)
    command = ["fuzz", "--command", "false {input} {output}", "--count", "12", "--seed", "1"]
    assert main([*command, "-o", str(tmp_path)]) == 1
    assert "rejected: valid" in capsys.readouterr().out
    kept = list(tmp_path.iterdir())
    assert len(kept) == 1
    assert list(decode_frames(kept[0].read_bytes()))


def test_the_reference_decoder_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["fuzz", "--backend", "numpy", "--count", "20", "-o", str(tmp_path)]
    assert main(command) == 0
    assert "20 streams of seed 1" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_wrong_digest_allows_both_and_a_crash_of_the_reference_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = load_suite(["invalid/"])
    (case, *_) = [case for case in cases if case.needs_verifying]
    with pytest.raises(HashMismatch):
        list(decode_frames(case.stream, verify=True))

    def refuses(case: Case) -> Result:
        return Result(case.id, Verdict.REJECTED)

    assert examiner(refuses, tmp_path, timeout=60)(case.stream).verdict == "pass"
    judge = reference_judge("numpy", ("S",))
    assert examiner(judge, tmp_path, timeout=60)(case.stream).verdict == "pass"
    too_late = examiner(judge, tmp_path, timeout=0)
    assert [too_late(case.stream).verdict for _ in range(2)] == ["timeout"] * 2
    assert not any((tmp_path / "fuzz").iterdir())
    monkeypatch.setattr("conformance.fuzzing.oracle.parse", lambda _: {}["marker"])
    assert examiner(judge, tmp_path, timeout=60)(case.stream).verdict == "crash"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "numpy", "--count", "0"], "0"),
        (["--backend", "numpy", "-o", "missing"], "no such directory"),
        (["--backend", "numpy", "missing.jai"], "missing.jai"),
        (["--count", "1"], "required"),
    ],
)
def test_wrong_usage_is_told(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fuzz", *options]) in {2, 3}
    assert message in capsys.readouterr().err


def test_without_hypothesis_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conformance.fuzzing.command.find_spec", lambda _: None)
    assert main(["fuzz", "--backend", "numpy", "--count", "1", "-o", str(tmp_path)]) == 2
    assert "pip install 'jai-codec[fuzz]'" in capsys.readouterr().err


def test_the_corpus_has_every_small_stream_and_the_dictionary_every_marker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export-corpus", str(tmp_path / "seeds"), "--max-bytes", "200"]) == 0
    wanted = {case.stream for case in load_suite() if len(case.stream) <= 200}
    paths = sorted((tmp_path / "seeds" / "corpus").iterdir())
    assert {path.read_bytes() for path in paths} == wanted
    assert [len(path.read_bytes()) for path in paths] == sorted(map(len, wanted))
    assert f"{len(wanted)} seeds" in capsys.readouterr().out
    text = (tmp_path / "seeds" / "jai.dict").read_text(encoding="ascii")
    assert text == dictionary()
    words = dict(line.split("=") for line in text.splitlines() if not line.startswith("#"))
    assert words["signature"] == '"\\x4A\\x0D\\x0A\\x1A"'
    for marker in Marker:
        escaped = "".join(f"\\x{byte:02X}" for byte in marker.to_bytes(2, "big"))
        assert words[f"marker_{segment_name(marker)}"] == f'"{escaped}"'


def test_the_guided_target_takes_every_seed_and_notices_disagreement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds = [case.stream for case in load_suite() if len(case.stream) <= 500]
    for data in seeds:
        examine(data)
        examine(data[: len(data) // 2])
    sound = load_suite(["syntax/minimal"])[0].stream
    error = RefdecError("made up", requirement="EOC-001")
    monkeypatch.setattr(parser, "inspect_codestream", lambda _: ([], error))
    with pytest.raises(Finding, match="made up"):
        examine(sound)
    monkeypatch.undo()
    monkeypatch.setattr(parser, "parse_codestream", lambda _, **__: {}["marker"])
    with pytest.raises(KeyError):
        examine(sound)


def test_without_atheris_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert guided([]) == 2
    assert "pip install 'jai-codec[guided]'" in capsys.readouterr().err
