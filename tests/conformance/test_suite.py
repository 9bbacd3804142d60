# SPDX-License-Identifier: Apache-2.0
"""What the suite as a whole promises; its coverage is in test_coverage.py."""

import hashlib
import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from conformance import ROOT, STREAMS, SUITE_VERSION
from conformance.case import Case, load_suite, manifest_text
from conformance.readme import readme_text
from conformance.recipes import all_recipes
from docs.syntax_requirements import syntax_requirements

SUITE = load_suite()
VALID = [case for case in SUITE if case.is_valid]
INVALID = [case for case in SUITE if not case.is_valid]
MAX_BYTES = 5_000_000
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
