# SPDX-License-Identifier: Apache-2.0
"""Where the normative data of the specification lives: tables and model sets."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def spec_path(*parts: str) -> Path:
    """Return the path of a normative file, such as ``spec_path("tables", "levels.json")``.

    An installed wheel carries the data as ``refdec/_spec``; a checkout has it in ``spec/``.
    The file itself may be missing: whoever opens it says which error that is.
    """
    installed = _PACKAGE / "_spec"
    root = installed if installed.is_dir() else _PACKAGE.parent / "spec"
    return root.joinpath(*parts)
