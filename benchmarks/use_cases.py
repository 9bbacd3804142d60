# SPDX-License-Identifier: Apache-2.0
"""Reports on use cases: layers, thumbnails, generation loss, screen content.

usage: python -m benchmarks.use_cases FOLDER [layers thumbnails generations screens]
           [--limit N] [--out benchmarks/results/use_cases]

FOLDER holds pictures whose names start with their kind (photo_, screen_, text_, graphic_). OUT.md gets the sections
that are asked for, all by default, and keeps the others as they are; OUT_*.png and OUT_*.jpg are their pictures.
--limit takes fewer pictures, to try.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    use_cases_generations,
    use_cases_layers,
    use_cases_screens,
    use_cases_thumbnails,
)
from benchmarks.peers import jai_version

SECTIONS: dict[str, tuple[str, Callable[[Path, Path, int | None], str]]] = {
    "layers": ("Progressive decoding", use_cases_layers.report),
    "thumbnails": ("Thumbnails", use_cases_thumbnails.report),
    "generations": ("Generation loss", use_cases_generations.report),
    "screens": ("Screen content and text", use_cases_screens.report),
}
"""Title of each section, and what measures it: pictures' folder, OUT, limit to Markdown."""
HEADING = "# Use cases\n\nMade by `python -m benchmarks.use_cases` ([how](../README.md#use-cases))."


def sections_of(text: str) -> dict[str, str]:
    """Return the sections of a report by title."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {title: body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--limit", type=int, metavar="N", help="take N pictures at most")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/use_cases"))
    options = parser.parse_args()
    if unknown := set(options.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    path = options.out.with_suffix(".md")
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in options.sections or SECTIONS:
        title, report = SECTIONS[name]
        text = report(options.folder, options.out, options.limit)
        print(f"## {title}\n\n{text}\n", flush=True)
        known = sections_of(path.read_text()) if path.exists() else {}
        known[title] = f"Measured with {jai_version()}.\n\n{text}"
        ordered = [f"## {t}\n\n{known[t]}" for t, _ in SECTIONS.values() if t in known]
        path.write_text("\n\n".join([HEADING, *ordered]) + "\n")


if __name__ == "__main__":
    main()
