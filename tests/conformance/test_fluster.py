# SPDX-License-Identifier: Apache-2.0
"""The suite as fluster takes it."""

import hashlib
import json
from pathlib import Path

import pytest

from conformance import fluster
from conformance.__main__ import main
from conformance.case import load_suite
from refdec.decoding import decode

CHOSEN = ("picture/size-7x5", "picture/grey-1x1", "format/depth-10", "format/depth-16")


def test_exported_vectors_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [case for case in load_suite() if case.id in {*CHOSEN, "invalid/eoc-001-missing"}]
    monkeypatch.setattr(fluster, "load_suite", lambda: cases)
    assert main(["export-fluster", str(tmp_path)]) == 0
    assert "no output format for format/depth-16" in capsys.readouterr().out
    (path,) = tmp_path.glob("test_suites/jai/*.json")
    suite = json.loads(path.read_text(encoding="utf-8"))
    assert set(suite) == {"name", "codec", "description", "test_vectors"}
    vectors = {vector["name"]: vector for vector in suite["test_vectors"]}
    assert set(vectors) == {"picture-size-7x5", "picture-grey-1x1", "format-depth-10"}
    for name, vector in vectors.items():
        stored = tmp_path / "resources" / suite["name"] / name / vector["input_file"]
        data = stored.read_bytes()
        assert vector["source"] == stored.as_uri()
        assert vector["source_checksum"] == hashlib.md5(data).hexdigest()  # noqa: S324
        samples = decode(data).samples
        planes = {"g": 1, "b": 2, "r": 0} if len(samples) == 3 else {"y": 0}
        kind = "<u2" if "10" in vector["output_format"] else "u1"
        raw = b"".join(samples[index].astype(kind).tobytes() for index in planes.values())
        assert vector["result"] == hashlib.md5(raw).hexdigest()  # noqa: S324
    assert vectors["picture-size-7x5"]["output_format"] == "gbrp"
    assert vectors["picture-grey-1x1"]["output_format"] == "gray"
