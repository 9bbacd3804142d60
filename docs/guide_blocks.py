# SPDX-License-Identifier: Apache-2.0
"""Blocks of the guides that come from running what they show."""

import contextlib
import io
from collections.abc import Callable

from conformance.case import load_suite
from docs.examples import latents


def latents_example_block() -> str:
    """Run the example on the photograph of the demonstration."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        latents.main(load_suite(["photo/still-photo-1"])[0].stream_path)
    return f"```text\n{output.getvalue()}```"


GUIDE_BLOCKS: dict[str, Callable[[], str]] = {"latents example": latents_example_block}
"""Every generated block of ``docs/guides`` by name; filled in when the site is built."""
