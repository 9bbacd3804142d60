# SPDX-License-Identifier: Apache-2.0
"""Python functions as decoders: in a process of their own, and in tests of their own."""

from pathlib import Path

import pytest

from conformance.case import Case
from conformance.judge.decoder import Decoder
from conformance.judge.limits import Limits
from conformance.judge.python_decoder import python_judge
from conformance.judge.running import Request

pytest_plugins = ["pytester"]

PREAMBLE = """
import os, time
import numpy as np
import refdec
def samples(stream): return refdec.decode(stream).samples
def decode(stream):
"""
FUNCTIONS = {
    "return refdec.decode(stream)": ["pass", "pass", "pass"],
    "return samples(stream)": ["pass", "pass", "pass"],
    "return samples(stream)[None]": ["pass", "pass", "pass"],
    "return samples(stream) ^ 1": ["fail", "fail", "pass"],
    "return samples(stream).astype(float)": ["fail", "fail", "pass"],
    "return samples(stream) * np.nan": ["fail", "fail", "pass"],
    "return samples(stream).transpose(1, 2, 0)": ["fail", "pass", "pass"],
    "return np.stack([samples(stream)] * 2)": ["fail", "fail", "pass"],
    "return None": ["no output", "no output", "accepted"],
    "return np.zeros((3, 5, 7), np.uint8)": ["fail", "fail", "accepted"],
    "raise ValueError('no')": ["rejected", "rejected", "pass"],
    "return stream[10**9]": ["crash", "crash", "crash"],
    "os.abort()": ["crash", "crash", "crash"],
    "return np.zeros(1 << 38, np.uint8)": ["out of memory", "out of memory", "out of memory"],
    "time.sleep(60)": ["timeout", "timeout", "timeout"],
}


@pytest.mark.parametrize("body", FUNCTIONS)
def test_function_is_judged(
    body: str, three_cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_up.py").write_text(f"{PREAMBLE}    {body}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    expected = FUNCTIONS[body]
    limits = Limits(timeout=1.0 if "timeout" in expected else 60.0, memory=4096)
    decoder = Decoder(name="made up", python="made_up:decode")
    with python_judge(decoder, limits=limits, request=Request(points=("S",))) as judge:
        assert [str(judge(case).verdict) for case in three_cases] == expected


def test_plugin_runs_a_test_for_each_stream(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["conformance.pytest_plugin"]')
    pytester.makepyfile(
        """
        import pytest
        import refdec

        ONLY = ("picture/size-7x5", "picture/grey-1x1", "invalid/eoc-001*")

        @pytest.mark.jai(filters=ONLY, without=("monochrome",))
        def test_right(jai_case):
            jai_case.check(refdec.decode)

        @pytest.mark.jai(filters=ONLY)
        def test_wrong(jai_case):
            jai_case.check(lambda stream: refdec.decode(stream).samples ^ 1)

        @pytest.mark.jai(filters=ONLY[:1])
        def test_manifest(jai_case):
            assert len(jai_case.stream) == jai_case.manifest["stream"]["bytes"]
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=4, failed=2, skipped=1)
    result.stdout.fnmatch_lines(["*component 0, row 0, column 0 is *, shall be *"])


def test_plugin_refuses_unknown_choices(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["conformance.pytest_plugin"]')
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.jai(profiles="main")
        def test_it(jai_case):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*pytest.mark.jai knows profile,*"])
