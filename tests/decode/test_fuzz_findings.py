# SPDX-License-Identifier: Apache-2.0
"""Streams that are, or could have been, trouble: files named by their cause, tried again."""

import json
import time
from pathlib import Path

import pytest

from refdec.syntax.parser import inspect_codestream
from tests.decode.streams import outcome

FOLDER = Path(__file__).parents[1] / "fuzz_findings"
CAUSES: dict[str, str] = json.loads((FOLDER / "causes.json").read_text())


def test_every_finding_has_a_cause() -> None:
    assert sorted(CAUSES) == sorted(path.name for path in FOLDER.glob("*.jai"))


@pytest.mark.parametrize("name", CAUSES)
def test_a_finding_ends_in_a_picture_or_an_error_soon(name: str) -> None:
    data, begin = (FOLDER / name).read_bytes(), time.process_time()
    outcome(data)
    outcome(data, tolerant=True, layers=1)
    inspect_codestream(data)
    assert time.process_time() - begin < 5
