# SPDX-License-Identifier: Apache-2.0
"""Run a Python decoder's own tests over the golden suite.

In ``conftest.py``::

    pytest_plugins = ["conformance.pytest_plugin"]

and in a test, which pytest then runs once for each stream::

    def test_conformance(jai_case):
        jai_case.check(my_package.decode)

``my_package.decode`` takes the bytes of a stream and returns unsigned samples of (C, H, W), or
raises. ``@pytest.mark.jai(profile="main", level=4, without=("lossless",), suites=("photo",),
filters=("size-*",))`` chooses streams; those with a feature in ``without`` are skipped.
"""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.case import Case, load_suite
from conformance.judge.decoder import Decoder, check_features
from conformance.judge.python_decoder import ask, score_answer
from conformance.judge.running import Request, select
from conformance.judge.scoring import make_result
from conformance.judge.verdict import Verdict

CHOICES = ("profile", "level", "without", "verifies", "suites", "filters")


class JaiCase:
    """A stream of the suite, and the judge of what a decoder makes of it."""

    def __init__(self, case: Case) -> None:
        self.case = case

    @property
    def stream(self) -> bytes:
        """The stream."""
        return self.case.stream

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of ``case.json``."""
        return self.case.manifest

    def check(self, decode: Callable[[bytes], Any]) -> None:
        """Call a decoder and fail the test unless the stream came out as it shall.

        Raises
        ------
        AssertionError
            With the verdict, the first wrong sample and what the stream catches.
        """
        scores = score_answer(self.case, ask(decode, self.stream), ("S",))
        result = make_result(self.case, scores, seconds=0.0, command="")
        if result.verdict == Verdict.PASS:
            return
        lines = [f"{self.case.id}: {result.verdict}: {result.detail}"]
        if (wrong := result.difference) is not None:
            lines.append(
                f"component {wrong.plane}, row {wrong.y}, column {wrong.x} is {wrong.actual}, "
                f"shall be {wrong.expected} ({wrong.count} of {wrong.total} samples differ)"
            )
        lines.append(f"this stream catches: {self.manifest['catches']}")
        raise AssertionError("\n".join(lines))


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    line = f"jai({', '.join(f'{name}=...' for name in CHOICES)}): streams for the jai_case fixture"
    config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes ``jai_case`` one run for each stream."""
    if "jai_case" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("jai")
    chosen: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    if unknown := chosen.keys() - set(CHOICES):
        message = f"pytest.mark.jai knows {', '.join(CHOICES)}, not {', '.join(sorted(unknown))}"
        raise pytest.UsageError(message)
    suite = load_suite()
    decoder = Decoder(
        name="a Python function",
        without=tuple(chosen.get("without", ())),
        verifies=chosen.get("verifies", False),
    )
    check_features(decoder, suite)
    request = Request(
        points=("S",),
        profile=chosen.get("profile"),
        level=chosen.get("level"),
        suites=tuple(chosen.get("suites", ())),
        patterns=tuple(chosen.get("filters", ())),
    )
    parameters = []
    for case in select(suite, request)[1]:
        reason = decoder.unsupported(case)
        marks = [pytest.mark.skip(reason=reason)] if reason else []
        parameters.append(pytest.param(JaiCase(case), id=case.id, marks=marks))
    metafunc.parametrize("jai_case", parameters)
