# SPDX-License-Identifier: Apache-2.0
"""What the reports on use cases share: pictures, tables, contact sheets."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.metrics import Rgb
from benchmarks.rd import read_rgb

SIDE = 512
"""Samples; pictures are cropped to squares that are no larger."""
LABEL_HEIGHT, GAP = 18, 6
"""Samples."""


def pictures(folder: Path, kinds: Iterable[str], limit: int | None) -> list[Path]:
    """Return the pictures of the kinds, at most `limit`, evenly spread.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    paths = [path for kind in kinds for path in sorted(folder.glob(f"{kind}_*"))]
    if not paths:
        message = f"no picture in {folder}"
        raise FileNotFoundError(message)
    count = min(limit or len(paths), len(paths))
    return [paths[index * len(paths) // count] for index in range(count)]


def read_square(path: Path, side: int | None = SIDE) -> Rgb:
    """Read the middle of a picture, at most `side` samples wide and high; None: its full shorter side."""
    rgb = read_rgb(path)
    height, width, _ = rgb.shape
    side = min(rgb.shape[:2]) if side is None else side
    rows, columns = min(side, height), min(side, width)
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(rgb[top : top + rows, left : left + columns])


def planes(rgb: Rgb) -> Rgb:
    """Return (3, H, W), what the encoder takes."""
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is flush left."""
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|:--|" + "--:|" * (len(header) - 1), *lines[1:]])


def sheet(rows: Sequence[Sequence[tuple[str, Rgb]]]) -> Image.Image:
    """Draw labelled pictures of one size in a grid."""
    height, width, _ = rows[0][0][1].shape
    pitch, step = height + LABEL_HEIGHT, width + GAP
    size = (step * max(map(len, rows)) - GAP, pitch * len(rows))
    drawn = Image.new("RGB", size, "white")
    for i, row in enumerate(rows):
        for j, (label, rgb) in enumerate(row):
            drawn.paste(Image.fromarray(rgb), (j * step, i * pitch + LABEL_HEIGHT))
            ImageDraw.Draw(drawn).text((j * step + 4, i * pitch + 3), label, fill="black")
    return drawn
