# SPDX-License-Identifier: Apache-2.0
"""The suite comes out of its recipes again, and the check notices when it does not."""

from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.generate import check, generate

QUICK = [
    "syntax/minimal",
    "entropy/empty-layer",
    "structure/tiles-and-layers",
    "invalid/ent-",
]
ONE = ["syntax/minimal"]


def test_streams_of_the_syntax_come_out_the_same() -> None:
    outcome = check(QUICK)
    assert outcome.count > 20
    assert not outcome.failed + outcome.changed + outcome.wrong_digests + outcome.other_bytes


def test_picture_of_the_encoder_decodes_to_its_digests() -> None:
    outcome = check(["picture/size-7x5"])
    assert not outcome.failed + outcome.changed + outcome.wrong_digests


def test_generated_case_passes_its_check(tmp_path: Path) -> None:
    assert generate(ONE, root=tmp_path).changed == ONE
    assert generate(ONE, root=tmp_path).changed == []
    outcome = check(ONE, root=tmp_path)
    assert not outcome.failed + outcome.changed + outcome.wrong_digests + outcome.other_bytes


def test_check_notices_another_digest(tmp_path: Path) -> None:
    generate(ONE, root=tmp_path)
    manifest = tmp_path / ONE[0] / "case.json"
    text = manifest.read_text(encoding="utf-8")
    digest = text.partition('"L": "')[2][:64]
    manifest.write_text(text.replace(digest, "0" * 64), encoding="utf-8")
    assert check(ONE, root=tmp_path).wrong_digests == ONE


def test_check_notices_other_words(tmp_path: Path) -> None:
    generate(ONE, root=tmp_path)
    manifest = tmp_path / ONE[0] / "case.json"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('"level": 1', '"level": 2'), encoding="utf-8"
    )
    assert check(ONE, root=tmp_path).changed == ONE


@pytest.mark.parametrize("damage", [b"", b"\0"])
def test_check_notices_a_damaged_stream(tmp_path: Path, damage: bytes) -> None:
    generate(ONE, root=tmp_path)
    stream = tmp_path / ONE[0] / "stream.jai"
    stream.write_bytes(stream.read_bytes()[:-1] + damage)
    assert check(ONE, root=tmp_path).failed


def test_check_notices_a_missing_case(tmp_path: Path) -> None:
    assert check(ONE, root=tmp_path).failed


def test_check_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--check", "--filter", "syntax/minimal"]) == 0
    assert "1 cases: nothing differs" in capsys.readouterr().out


def test_nothing_selected_is_a_usage_error() -> None:
    assert main(["generate", "--check", "--filter", "no such case"]) == 2
