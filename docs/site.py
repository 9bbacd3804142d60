# SPDX-License-Identifier: Apache-2.0
"""Build the site: specification, guides and reference.

usage: python -m docs.site [OUTPUT]

The sources are laid out in ``build/docs/source`` as in the repository, so that a link works on
both, and the generated pages are written beside them.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from conformance.case import load_suite
from conformance.coverage import coverage_page
from docs.api_reference import api_page
from docs.cli_reference import cli_page
from docs.code_facts import ROOT
from docs.guide_blocks import GUIDE_BLOCKS
from docs.link_check import broken_links
from docs.references import link_clauses
from docs.spec_text import SPEC, fill_blocks, mark_tables
from docs.traceability import traceability_page
from docs.worked_example import worked_example_page

BUILD = ROOT / "build" / "docs"
PATTERNS = (
    "ARCHITECTURE.md",
    "benchmarks/README.md",
    "benchmarks/results/*",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "conformance/README.md",
    "examples/*/README.md",
    "examples/*/*.h",
    "docs/**/*.md",
    "docs/examples/*.py",
    "docs/figures/*.svg",
    "docs/style/*.css",
    "spec/*.md",
    "spec/waivers.toml",
    "spec/tables/*.json",
)
"""What of the repository is part of the site."""
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/command-lines.md": cli_page,
    "docs/reference/coverage.md": lambda: coverage_page(load_suite()),
    "docs/reference/python.md": api_page,
    "docs/reference/traceability.md": traceability_page,
    "docs/reference/worked-example.md": worked_example_page,
}
"""Generated pages."""


def stage(target: Path) -> None:
    """Lay out the sources of the site."""
    shutil.rmtree(target, ignore_errors=True)
    for pattern in PATTERNS:
        for source in sorted(ROOT.glob(pattern)):
            place = target / source.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
    for path in sorted((target / SPEC.name).glob("*.md")):
        text = mark_tables(link_clauses(path.read_text(encoding="utf-8")))
        path.write_text(text, encoding="utf-8")
    for path in sorted((target / "docs").rglob("*.md")):
        text = fill_blocks(path.read_text(encoding="utf-8"), lambda name: GUIDE_BLOCKS[name]())
        path.write_text(text, encoding="utf-8")
    shutil.move(target / "docs" / "index.md", target / "index.md")
    for name, make in PAGES.items():
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(make(), encoding="utf-8")


def build(output: Path) -> int:
    """Build the site and return an exit status; a warning or a broken link is an error."""
    from sphinx.cmd.build import build_main  # noqa: PLC0415  of the extra `docs`

    source = BUILD / "source"
    stage(source)
    settings = ["-n", "-W", "--keep-going", "-q", "-c", str(ROOT / "docs")]
    status = build_main([*settings, "-d", str(BUILD / "doctrees"), str(source), str(output)])
    for page, target in broken_links(output):
        sys.stderr.write(f"{page}: no such place: {target}\n")
        status = status or 1
    return status


if __name__ == "__main__":
    raise SystemExit(build(Path(sys.argv[1]) if len(sys.argv) > 1 else BUILD / "html"))
