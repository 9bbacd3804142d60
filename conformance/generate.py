# SPDX-License-Identifier: Apache-2.0
"""Write the suite, or check that what is there is what the recipes make."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import ROOT, STREAMS
from conformance.case import (
    MANIFEST_FILE,
    STREAM_FILE,
    Case,
    SuiteError,
    load_case,
    manifest_text,
    matches,
)
from conformance.describe import describe
from conformance.readme import readme_text
from conformance.recipes import all_recipes
from conformance.recipes.recipe import Recipe
from conformance.tolerance_power import powerful_limits
from refdec.cli.support import atomic_file
from refdec.errors import RefdecError

README = ROOT / "README.md"
Progress = Callable[[int, int], None]


@dataclass
class Outcome:
    """What a run found or changed, by case id."""

    count: int = 0
    failed: list[str] = field(default_factory=list)
    """Recipes, or stored streams, that do not do what they promise."""
    changed: list[str] = field(default_factory=list)
    """Written; when checking, manifests and texts that are out of date."""
    wrong_digests: list[str] = field(default_factory=list)
    """Checking: the stream decodes to something else than its manifest says."""
    other_bytes: list[str] = field(default_factory=list)
    """Checking: a stream written from the syntax comes out with other bytes."""
    encoder_bytes: list[str] = field(default_factory=list)
    """Checking: a stream of the encoder does; its analysis is floating-point arithmetic."""


def generate(
    patterns: Sequence[str], *, root: Path = STREAMS, progress: Progress | None = None
) -> Outcome:
    """Write the selected cases; without a selection also remove strays and write the table."""
    outcome, cases, changed = Outcome(), list[Case](), set[str]()
    for recipe in _selected(patterns, outcome, progress):
        try:
            data = recipe.build()
            manifest = describe(recipe, data)
        except (SuiteError, RefdecError, LookupError, ValueError) as error:
            outcome.failed.append(f"{recipe.id}: {error}")
            continue
        case = Case(root / recipe.id, manifest)
        case.directory.mkdir(parents=True, exist_ok=True)
        cases.append(case)
        if _write(case.stream_path, data):
            changed.add(case.id)
    _add_tolerances(cases, patterns, root)
    for case in cases:
        if _write(case.directory / MANIFEST_FILE, manifest_text(case.manifest).encode()):
            changed.add(case.id)
    outcome.changed += [case.id for case in cases if case.id in changed]
    if not patterns:
        for stray in _strays(root):
            shutil.rmtree(stray)
            outcome.changed.append(f"{stray.relative_to(root)} (removed)")
        manifests = [case.manifest for case in cases]
        if _is_complete(outcome, root) and _write(README, readme_text(README, manifests).encode()):
            outcome.changed.append(README.name)
    return outcome


def check(
    patterns: Sequence[str], *, root: Path = STREAMS, progress: Progress | None = None
) -> Outcome:
    """Compare the selected cases with their recipes; nothing is written."""
    outcome, cases = Outcome(), list[Case]()
    known: dict[str, dict[str, Any]] = {}
    for recipe in _selected(patterns, outcome, progress):
        directory = root / recipe.id
        try:
            stored = (directory / STREAM_FILE).read_bytes()
            known[recipe.id] = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
            manifest = describe(recipe, stored)
            rebuilt = recipe.build()
        except (OSError, SuiteError, RefdecError, LookupError, ValueError) as error:
            outcome.failed.append(f"{recipe.id}: {error}")
            continue
        cases.append(Case(directory, manifest))
        if rebuilt != stored:
            (outcome.other_bytes if recipe.is_exact else outcome.encoder_bytes).append(recipe.id)
    _add_tolerances(cases, patterns, root)
    for case in cases:
        verdict = case.manifest["verdict"]
        is_same = known[case.id].get(verdict) == case.manifest[verdict]
        if known[case.id] != case.manifest:
            (outcome.changed if is_same else outcome.wrong_digests).append(case.id)
    if not patterns:
        outcome.changed += [f"{stray.relative_to(root)} (no recipe)" for stray in _strays(root)]
        text = readme_text(README, [case.manifest for case in cases])
        if _is_complete(outcome, root) and text != README.read_text(encoding="utf-8"):
            outcome.changed.append(README.name)
    return outcome


def _add_tolerances(cases: Sequence[Case], patterns: Sequence[str], root: Path) -> None:
    """Write limits into the manifests of the cases where they have power.

    Pictures of all cases are tried, also of those that were not selected and lie on disk.
    """
    places = [root / name for name in all_recipes() if not matches(name, patterns)]
    stored = [load_case(place, root) for place in places if (place / MANIFEST_FILE).is_file()]
    for case in cases:
        if (limits := powerful_limits(case, [*cases, *stored])) is not None:
            case.manifest["valid"]["tolerance"] = limits


def _selected(
    patterns: Sequence[str], outcome: Outcome, progress: Progress | None
) -> Iterator[Recipe]:
    chosen = [recipe for recipe in all_recipes().values() if matches(recipe.id, patterns)]
    outcome.count = len(chosen)
    for done, recipe in enumerate(chosen):
        if progress is not None:
            progress(done, len(chosen))
        yield recipe


def _is_complete(outcome: Outcome, root: Path) -> bool:
    """Whether the table of the README can be written: all cases are there."""
    return root == STREAMS and not outcome.failed


def _write(path: Path, content: bytes) -> bool:
    """Write a file unless it is there already; return whether it was written."""
    if path.is_file() and path.read_bytes() == content:
        return False
    with atomic_file(path) as file:
        file.write(content)
    return True


def _strays(root: Path) -> list[Path]:
    """Return directories that no recipe makes."""
    known = all_recipes()
    found = sorted(path for path in root.glob("*/*") if path.is_dir())
    return [path for path in found if path.relative_to(root).as_posix() not in known]
