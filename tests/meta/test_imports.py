# SPDX-License-Identifier: Apache-2.0
"""What starting the command line must not load."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("refdec", {"numpy", "construct", "torch"}),
        ("refdec.syntax.codestream", {"numpy", "torch"}),
        ("refdec.decoding", {"torch"}),
    ],
)
def test_import_loads_no_more_than_it_needs(module: str, absent: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert absent.isdisjoint(result.stdout.split())
