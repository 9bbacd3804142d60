# SPDX-License-Identifier: Apache-2.0
"""The table of cases in the README."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance import SUITE_VERSION

BEGIN = "<!-- cases: written by jai-conformance generate -->"
END = "<!-- end of cases -->"


def readme_text(path: Path, manifests: Sequence[dict[str, Any]]) -> str:
    """Return the README with the table of these cases.

    Raises
    ------
    ValueError
        The README has no place for the table.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        message = f"{path} lacks the lines {BEGIN} and {END}"
        raise ValueError(message)
    return f"{before}{BEGIN}\n\n{cases_table(manifests)}\n\n{END}{after}"


def cases_table(manifests: Sequence[dict[str, Any]]) -> str:
    """Return the tables of valid and invalid cases in Markdown."""
    valid = [manifest for manifest in manifests if manifest["verdict"] == "valid"]
    invalid = [manifest for manifest in manifests if manifest["verdict"] == "invalid"]
    size = sum(manifest["stream"]["bytes"] for manifest in manifests)
    lines = [
        f"Suite {SUITE_VERSION}: {len(valid)} valid, {len(invalid)} invalid streams, {size} bytes.",
        "",
        "| valid case | size | bytes | holds | features | catches |",
        "|---|---|---|---|---|---|",
        *map(_valid_row, valid),
        "",
        "| invalid case | bytes | fault | field | requirement |",
        "|---|---|---|---|---|",
        *map(_invalid_row, invalid),
    ]
    return "\n".join(lines)


def _valid_row(manifest: dict[str, Any]) -> str:
    picture = manifest["valid"]["picture"]
    cells = (
        f"`{manifest['id']}`",
        f"{picture['width']}x{picture['height']}",
        manifest["stream"]["bytes"],
        manifest["purpose"],
        ", ".join(manifest["features"]),
        manifest["catches"],
    )
    return f"| {' | '.join(map(str, cells))} |"


def _invalid_row(manifest: dict[str, Any]) -> str:
    fault = manifest["invalid"]
    cells = (
        f"`{manifest['id']}`",
        manifest["stream"]["bytes"],
        manifest["purpose"],
        f"`{fault['element']}`",
        ", ".join(fault["requirements"]),
    )
    return f"| {' | '.join(map(str, cells))} |"
