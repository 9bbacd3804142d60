# SPDX-License-Identifier: Apache-2.0
"""What the suite as a whole promises: manifests by their schema, and coverage."""

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest

from conformance import ROOT, STREAMS, SUITE_VERSION
from conformance.case import Case, load_suite, manifest_text
from conformance.readme import readme_text
from conformance.recipes import all_recipes
from docs.syntax_requirements import syntax_requirements
from refdec.entropy.tables import load_residual_tables

SUITE = load_suite()
VALID = [case for case in SUITE if case.is_valid]
INVALID = [case for case in SUITE if not case.is_valid]
MAX_BYTES = 3_000_000
ENTROPY = {f"ENT-{number:03}" for number in range(2, 14) if number != 4} | {
    "SOR-005",
    "SOZ-001",
    "SOQ-003",
}
WAIVED = {
    "SOE-007": "a sound picture of that size would not be small; tests/syntax checks it",
    "MTD-002": "the stream would not be small; tests/syntax checks it",
    "PIH-016": "formats that this edition's decoder does not decode are legal",
}


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "schema" / "case.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def numbers(intervals: str) -> Iterator[int]:
    for interval in intervals.split():
        first, _, last = interval.partition("-")
        yield from range(int(first), int(last or first) + 1)


def limits(name: str) -> tuple[int, int]:
    ranges = [
        case.manifest["valid"]["coverage"]["ranges"][name]
        for case in VALID
        if name in case.manifest["valid"]["coverage"]["ranges"]
    ]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


@pytest.mark.parametrize("case", SUITE, ids=lambda case: case.id)
def test_manifest_follows_its_schema_and_names_its_stream(case: Case) -> None:
    validator().validate(case.manifest)
    stream = {"bytes": len(case.stream), "sha256": hashlib.sha256(case.stream).hexdigest()}
    assert case.manifest["stream"] == stream
    assert case.manifest["suite_version"] == SUITE_VERSION
    text = (case.directory / "case.json").read_text(encoding="utf-8")
    assert text == manifest_text(case.manifest)


def test_every_recipe_has_its_case_and_the_other_way_round() -> None:
    assert sorted(all_recipes()) == [case.id for case in SUITE]


def test_suite_is_small() -> None:
    files = [*STREAMS.rglob("*"), *(ROOT / "sources").iterdir()]
    assert sum(path.stat().st_size for path in files if path.is_file()) < MAX_BYTES


def test_readme_lists_the_cases() -> None:
    readme = ROOT / "README.md"
    manifests = {case.id: case.manifest for case in SUITE}
    ordered: list[dict[str, Any]] = [manifests[name] for name in all_recipes()]
    assert readme.read_text(encoding="utf-8") == readme_text(readme, ordered)


@pytest.mark.parametrize("requirement", sorted({*syntax_requirements(), *ENTROPY}))
def test_every_requirement_has_an_invalid_stream(requirement: str) -> None:
    cases = [c.id for c in INVALID if requirement in c.manifest["invalid"]["requirements"]]
    assert bool(cases) != (requirement in WAIVED)


def test_every_table_that_codes_residuals_is_used() -> None:
    tables = load_residual_tables()
    used = {n for case in VALID for n in numbers(case.manifest["valid"]["coverage"]["tables"])}
    assert used == set(range(tables.skip_threshold, len(tables.tables.bounds)))


def test_escapes_of_every_length_are_used() -> None:
    coverage = [case.manifest["valid"]["coverage"]["escape_lengths"] for case in VALID]
    assert {n for intervals in coverage for n in numbers(intervals)} == set(range(13))


def test_every_lane_count_is_used() -> None:
    features = {feature for case in VALID for feature in case.manifest["features"]}
    assert {f"{1 << log2_lanes} lanes" for log2_lanes in range(1, 11)} <= features


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("z_hat", -127, 127),
        ("residual", -8191, 8191),
        ("y_hat", -4095, 4095),
        ("picture", 0, 65535),
    ],
)
def test_range_is_exhausted(name: str, low: int, high: int) -> None:
    assert limits(name) == (low, high)
