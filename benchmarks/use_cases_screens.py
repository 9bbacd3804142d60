# SPDX-License-Identifier: Apache-2.0
"""Screen content and text: lossy, near-lossless and lossless, and which of them the encoder chooses."""

import io
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import refdec
from benchmarks.metrics import Rgb, psnr
from benchmarks.peers import JAI
from benchmarks.use_cases_common import pictures, planes, read_square, sheet, table
from refenc.choose import Exact, exact_instead
from refenc.cli import DEFAULT_QUALITY
from refenc.encode import EFFORT, THOROUGH, encode_at_rate
from refenc.exact import encode_exact

KINDS = ("screen", "text", "graphic")
QUALITIES = (DEFAULT_QUALITY, 44, 56)
SHOWN = 3
SHOWN_SIDE = 208
"""Samples, in the middle."""
LOSSLESS_PEERS = {
    "PNG": {"optimize": True},
    "WEBP": {"lossless": True, "method": 6, "quality": 100},
}
"""Formats and options of Pillow."""


class Exactly:
    """A picture coded within a largest error, each at most once."""

    def __init__(self, rgb: Rgb) -> None:
        self.encode = cache(partial(encode_exact, planes(rgb)))

    def __call__(self, max_error: int) -> bytes:
        """Return the stream."""
        return self.encode(max_error=max_error)


class Choice(NamedTuple):
    """What the encoder has to choose from at a quality, and what it takes."""

    lossy: bytes
    exact: Exact | None

    @property
    def data(self) -> bytes:
        """The stream that is written."""
        return self.exact.data if self.exact else self.lossy

    @property
    def name(self) -> str:
        """What it is."""
        if self.exact is None:
            return "lossy"
        return f"within {self.exact.max_error}" if self.exact.max_error else "lossless"


def choice(rgb: Rgb, lossy: bytes, exactly: Exactly, effort: int) -> Choice:
    """Choose, where an exact coding may be as large as the lossy one."""
    exact = exact_instead(
        lossy, planes(rgb), limit=len(lossy), effort=effort, encode_within=exactly
    )
    return Choice(lossy, exact)


def peer_size(rgb: Rgb, form: str) -> int:
    """Return the bytes of a lossless file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, form, **LOSSLESS_PEERS[form])
    return buffer.tell()


def decibels(data: bytes, rgb: Rgb) -> str:
    """Return the PSNR-RGB of a stream."""
    return f"{psnr(refdec.decode(data).interleaved, rgb):.1f}"


def report(folder: Path, out: Path, limit: int | None) -> str:
    """Measure, and draw three screenshots."""
    sizes, choices, drawn = [], [], []
    paths = pictures(folder, KINDS, limit)
    for path in paths:
        rgb = read_square(path)
        exactly = Exactly(rgb)
        lossy = [JAI.encode(rgb, quality) for quality in QUALITIES]
        chosen = [choice(rgb, data, exactly, EFFORT) for data in lossy]
        thorough = [choice(rgb, data, exactly, THOROUGH).name for data in lossy]
        sizes.append([path.stem, *size_cells(rgb, exactly)])
        choices.append([path.stem, *choice_cells(rgb, chosen, thorough)])
        if path.stem.startswith("screen") and len(drawn) < SHOWN:
            drawn.append(shown_row(rgb, chosen[:2], path.stem))
    sheet(drawn).save(out.with_name(out.name + "_screens.png"), optimize=True)
    return "\n\n".join(
        [
            (
                f"The middle {rgb.shape[1]}x{rgb.shape[0]} of {len(paths)} pictures; bytes, and PSNR-RGB in dB. *Lossy, as "
                "large as lossless* is the lossy picture at the rate of the lossless one."
            ),
            table(
                [
                    "picture",
                    "PNG",
                    "WebP lossless",
                    "JAI lossless",
                    "JAI within 1",
                    "JAI within 2",
                    "lossy, as large as lossless",
                ],
                sizes,
            ),
            (
                "What the encoder writes at a quality: the best of lossless, within 1 and within 2 that is no larger than "
                f"the lossy stream and no worse, if there is one (`refenc.choose`). *Chosen* is at effort {EFFORT}, where "
                f"only pictures that repeat pixels are tried; effort {THOROUGH} is given where it differs."
            ),
            table(
                ["picture", *(c for q in QUALITIES for c in (f"lossy {q}", f"chosen {q}"))],
                choices,
            ),
            (
                f"Three screenshots: source; lossy and chosen at quality {QUALITIES[0]}, the default; likewise at "
                f"{QUALITIES[1]}:"
            ),
            f"![screenshots]({out.name}_screens.png)",
        ]
    )


def size_cells(rgb: Rgb, exactly: Exactly) -> list[str]:
    """Return one line of sizes."""
    lossless = exactly(0)
    same = encode_at_rate(planes(rgb), bpp=8 * len(lossless) / rgb[..., 0].size).data
    return [
        *(str(peer_size(rgb, form)) for form in LOSSLESS_PEERS),
        str(len(lossless)),
        *(f"{len(exactly(n))}, {decibels(exactly(n), rgb)}" for n in (1, 2)),
        f"{len(same)}, {decibels(same, rgb)}",
    ]


def choice_cells(rgb: Rgb, chosen: list[Choice], thorough: list[str]) -> list[str]:
    """Return one line of choices: what lossy would be, and what is taken."""
    cells = []
    for made, other in zip(chosen, thorough, strict=True):
        cells.append(f"{len(made.lossy)}, {decibels(made.lossy, rgb)}")
        exact = made.exact
        size = "" if exact is None else f": {len(exact.data)}"
        error = f", {decibels(exact.data, rgb)}" if exact is not None and exact.max_error else ""
        differs = f" (effort {THOROUGH}: {other})" if other != made.name else ""
        cells.append(made.name + size + error + differs)
    return cells


def shown_row(rgb: Rgb, chosen: list[Choice], name: str) -> list[tuple[str, Rgb]]:
    """Return a row of a contact sheet: the source; at each quality, what is lossy and what is chosen."""
    top, left = ((side - SHOWN_SIDE) // 2 for side in rgb.shape[:2])
    part = np.s_[top : top + SHOWN_SIDE, left : left + SHOWN_SIDE]
    row = [(f"{name}: source", rgb[part])]
    for quality, made in zip(QUALITIES, chosen, strict=False):
        for kind, data in (("lossy", made.lossy), (f"chosen: {made.name}", made.data)):
            decoded = refdec.decode(data).interleaved[part]
            row.append((f"{quality}, {kind}, {len(data)} B", decoded))
    return row
