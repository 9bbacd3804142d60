# SPDX-License-Identifier: Apache-2.0
"""Draw the figures of the documents.

usage: python -m docs.figures

The files in ``docs/figures`` are what this module draws; a test compares them.
"""

from collections.abc import Callable
from pathlib import Path

from refdec.reconstruction import HALO

FIGURES = Path(__file__).resolve().parent / "figures"
INK, FAINT = "#1f2933", "#9aa5b1"
BLUE, GREEN, SAND, ROSE = "#d6e6f5", "#d9efdf", "#f6ead0", "#f6dcdc"


class Drawing:
    """SVG shapes in drawing order."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" font-family="DejaVu Sans, Verdana, sans-serif" '
                f'font-size="13" fill="{INK}" role="img" aria-label="{title}">'
            ),
            f"<title>{title}</title>",
            (
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
                f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker>'
                "</defs>"
            ),
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        ]

    def rect(self, x: float, y: float, w: float, h: float, fill: str, **style: str) -> None:
        """Draw a rectangle with rounded corners."""
        extra = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in style.items())
        stroke = "" if "stroke" in style else f' stroke="{INK}"'
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="3" fill="{fill}"'
            f"{stroke}{extra}/>"
        )

    def text(self, x: float, y: float, text: str, **style: str) -> None:
        """Write a line, centred unless `text_anchor` says otherwise."""
        style = {"text_anchor": "middle", **style}
        extra = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in style.items())
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(f'<text x="{x:g}" y="{y:g}"{extra}>{escaped}</text>')

    def box(self, x: float, y: float, w: float, h: float, lines: str, fill: str) -> None:
        """Draw a box with centred lines; those after the first are small."""
        self.rect(x, y, w, h, fill)
        rows = lines.split("\n")
        top = y + h / 2 + 5 - 8 * (len(rows) - 1)
        for number, row in enumerate(rows):
            size = "13" if number == 0 else "11"
            self.text(x + w / 2, top + 16 * number, row, font_size=size)

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw a line through points with a tip at its end."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="1.3" '
            'marker-end="url(#tip)"/>'
        )

    def svg(self) -> str:
        """Return the file's text."""
        return "\n".join([*self.parts, "</svg>", ""])


def pipeline() -> str:
    """Draw the decoding process from segments to samples."""
    draw = Drawing(850, 560, "The decoding process, from segments to conformance points")
    draw.box(20, 16, 150, 44, "SOQ, PIH\nquality map, quality_idx", BLUE)
    draw.box(190, 16, 150, 44, "SOZ\nhyper-latent sub-stream", BLUE)
    draw.box(420, 16, 150, 44, "SOR\nper layer and tile", BLUE)
    draw.box(366, 200, 116, 44, "rANS, 8.4.6\ntransform_idx", SAND)
    draw.arrow((450, 60), (450, 200))
    draw.arrow((366, 222), (340, 222))
    draw.box(590, 16, 110, 44, "SOE\nper tile", BLUE)
    draw.box(720, 16, 110, 44, "SOA\nper tile", BLUE)
    draw.box(20, 110, 150, 44, "quality, 8.7\nindex per position", SAND)
    draw.box(190, 110, 150, 44, "rANS, 8.3.1\nz_hat", SAND)
    draw.box(190, 200, 150, 44, "network, 8.3.2\nstate and mu", GREEN)
    draw.arrow((95, 60), (95, 110))
    draw.arrow((265, 60), (265, 110))
    draw.arrow((265, 154), (265, 200))
    draw.arrow((95, 154), (95, 222), (190, 222))
    draw.rect(20, 268, 560, 148, "none", stroke=FAINT, stroke_dasharray="5 4")
    draw.text(30, 409, "for each tile, group and phase, 8.4", text_anchor="start", font_size="11")
    draw.box(36, 300, 130, 44, "network head\nscale and mean", GREEN)
    draw.box(206, 300, 118, 44, "scale_idx, 8.4.2\ntable, coded or not", SAND)
    draw.box(364, 300, 88, 44, "rANS, 8.4.1\nresidual", SAND)
    draw.box(474, 300, 96, 44, "8.4.3, 4, 7\ny_hat", SAND)
    draw.box(250, 366, 202, 36, "networks update, activity", GREEN)
    draw.arrow((166, 322), (206, 322))
    draw.arrow((324, 322), (364, 322))
    draw.arrow((452, 322), (474, 322))
    draw.arrow((408, 344), (408, 366))
    draw.arrow((250, 384), (101, 384), (101, 344))
    draw.arrow((495, 60), (495, 256), (408, 256), (408, 300))
    draw.arrow((265, 244), (265, 256), (101, 256), (101, 300))
    draw.box(420, 446, 150, 44, "synthesis, 9.2\nplanes Y, Cb, Cr", GREEN)
    draw.box(420, 506, 150, 40, "colour, 9.3\nsamples", SAND)
    draw.box(590, 446, 110, 44, "lossless, 12.1\nexact samples", SAND)
    draw.box(720, 446, 110, 44, "lossless, 12.11\nalpha", SAND)
    draw.arrow((519, 344), (519, 446))
    draw.arrow((495, 490), (495, 506))
    draw.arrow((645, 60), (645, 446))
    draw.arrow((775, 60), (775, 446))
    draw.arrow((570, 526), (645, 526), (645, 490))
    draw.text(528, 438, "point L", text_anchor="start", font_weight="bold")
    draw.text(410, 531, "point S", text_anchor="end", font_weight="bold")
    draw.text(656, 508, "point E", text_anchor="start", font_weight="bold")
    draw.text(775, 508, "point A", font_weight="bold")
    draw.text(20, 470, "Blue: segments of the codestream", text_anchor="start", font_size="11")
    draw.text(20, 488, "Sand: integer arithmetic of a clause", text_anchor="start", font_size="11")
    draw.text(
        20, 506, "Green: integer networks of the model set", text_anchor="start", font_size="11"
    )
    return draw.svg()


def lanes() -> str:
    """Draw two calls of a sub-stream of four lanes, and the words that the lanes take."""
    draw = Drawing(800, 410, "Symbols, lanes and words of a sub-stream with four lanes")
    count, cell, left = 4, 42, 92
    fills = (BLUE, GREEN, SAND, ROSE)
    taking = {1, 3, 4, 6, 9, 11}
    calls = (("call 0, 7 symbols", 0, 7, 40), ("call 1, 5 symbols", 7, 5, 250))
    words: list[int] = []
    for title, first, length, top in calls:
        draw.text(left, top - 14, title, text_anchor="start", font_weight="bold")
        for lane in range(count):
            draw.text(
                left - 10, top + 23 + 34 * lane, f"lane {lane}", text_anchor="end", font_size="11"
            )
        for symbol in range(length):
            turn, lane = divmod(symbol, count)
            x, y = left + turn * (cell + 110), top + 34 * lane
            draw.rect(x, y, cell, 30, fills[lane])
            draw.text(x + cell / 2, y + 20, str(symbol))
            if first + symbol in taking:
                draw.arrow((x + cell, y + 15), (x + cell + 26, y + 15))
                draw.text(
                    x + cell + 30,
                    y + 19,
                    f"takes word {len(words)}",
                    text_anchor="start",
                    font_size="10",
                )
                words.append(lane)
        for turn in range((length + count - 1) // count):
            draw.text(
                left + turn * (cell + 110) + cell / 2,
                top + 34 * count + 12,
                f"round {turn}",
                font_size="11",
            )
    draw.text(450, 26, "words of the sub-stream, in order", text_anchor="start", font_weight="bold")
    for number, lane in enumerate(words):
        draw.rect(450 + 42 * number, 40, 38, 30, fills[lane])
        draw.text(469 + 42 * number, 60, f"w{number}")
    notes = (
        "Symbol j of a call belongs to lane j % 4.",
        "Within a round no symbol depends on another:",
        "all lanes can be decoded at the same time.",
        "Lanes whose state falls below 2^16 take the next",
        "words, in the order of the lanes.",
        "A new call starts at lane 0 again;",
        "states and words go on.",
    )
    for number, note in enumerate(notes):
        draw.text(450, 108 + 20 * number, note, text_anchor="start", font_size="12")
    return draw.svg()


def halo() -> str:
    """Draw a region, the latent positions it needs, and the tiles that are decoded."""
    size, columns, rows, tile = 24, 24, 14, 8
    left, top = 24, 40
    region = (12, 3, 4, 2)
    draw = Drawing(640, 450, "A region, its halo, and the tiles that it needs")
    x0, y0, w, h = region
    window = (x0 - HALO, y0 - HALO, w + 2 * HALO, h + 2 * HALO)
    for tile_x in range(0, columns, tile):
        for tile_y in range(0, rows, tile):
            width, height = min(tile, columns - tile_x), min(tile, rows - tile_y)
            needed = (
                tile_x < window[0] + window[2]
                and tile_x + width > window[0]
                and tile_y < window[1] + window[3]
                and tile_y + height > window[1]
            )
            draw.rect(
                left + tile_x * size,
                top + tile_y * size,
                width * size,
                height * size,
                BLUE if needed else "#f3f4f6",
            )
    draw.rect(
        left + window[0] * size,
        top + window[1] * size,
        window[2] * size,
        window[3] * size,
        SAND,
        fill_opacity="0.8",
        stroke_dasharray="5 4",
    )
    draw.rect(left + x0 * size, top + y0 * size, w * size, h * size, GREEN)
    for column in range(columns + 1):
        x = left + column * size
        draw.parts.append(
            f'<path d="M{x} {top} v{rows * size}" stroke="{FAINT}" stroke-width="0.4"/>'
        )
    for row in range(rows + 1):
        y = top + row * size
        draw.parts.append(
            f'<path d="M{left} {y} h{columns * size}" stroke="{FAINT}" stroke-width="0.4"/>'
        )
    draw.text(left + (x0 + w / 2) * size, top + (y0 + h / 2) * size + 5, "region")
    draw.text(
        left + (x0 + w / 2) * size, top + (window[1] + 1.7) * size, f"halo of {HALO} positions"
    )
    draw.text(
        left,
        26,
        "Latent grid: one cell is one position, 16 by 16 luma samples. Heavy lines: tiles.",
        text_anchor="start",
        font_size="12",
    )
    draw.text(
        left,
        top + rows * size + 22,
        "Blue tiles are entropy-decoded, grey ones are not "
        "touched. The networks of the synthesis see",
        text_anchor="start",
        font_size="12",
    )
    draw.text(
        left,
        top + rows * size + 40,
        "the dashed window as if it were a picture; the region's "
        "samples are those of the whole picture.",
        text_anchor="start",
        font_size="12",
    )
    return draw.svg()


DRAWINGS: dict[str, Callable[[], str]] = {
    "pipeline.svg": pipeline,
    "lanes.svg": lanes,
    "halo.svg": halo,
}
"""Every figure by its file."""


def main() -> None:
    """Write all figures."""
    FIGURES.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        (FIGURES / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
