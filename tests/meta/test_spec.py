# SPDX-License-Identifier: Apache-2.0
"""The specification against the code: neither can change without the other."""

import re

import pytest
from safetensors.numpy import load

from docs.code_facts import (
    MarkedFunction,
    known_requirements,
    marked_functions,
    requirement_errors,
)
from docs.golden import breaking_streams
from docs.references import REFERENCE
from docs.spec_blocks import BLOCKS, check_coverage, constants, rewrite
from docs.spec_text import (
    SPEC,
    Clause,
    block_names,
    clauses,
    fill_blocks,
    spec_files,
    statements,
)
from docs.syntax_requirements import STRUCTURES
from docs.traceability import exercising_tests, untraced, waivers
from refdec.syntax.crc32c import crc32c
from refdec.syntax.declaration import elements_of

GENERIC = {"decode", "decoder", "derive", "read", "parse", "process", "check", "symbols"}
"""Words of function names that say nothing about the clause."""


def words(text: str) -> set[str]:
    """Give the words of a title or a name by their first four letters; hyphens may be left out."""
    spread = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ").lower()
    found = re.findall(r"\w+", spread.replace("-", " ")) + re.findall(
        r"\w+", spread.replace("-", "")
    )
    return {word[:4] for word in found if len(word) >= 4 and word not in GENERIC}


def structure_clauses() -> list[tuple[type, Clause, Clause]]:
    """Give each declared structure with the clauses of its syntax and its semantics."""
    found = []
    for clause in list(clauses().values()):
        for name in block_names(clause.text):
            if name.startswith("syntax "):
                structure = {value: key for key, value in STRUCTURES.items()}[name[7:]]
                found.append((structure, clause, clauses()[f"7{clause.number[1:]}"]))
    return found


def test_every_generated_block_is_fresh() -> None:
    assert rewrite(check=True) == [], "run python -m docs.spec_blocks"


def test_a_stale_block_is_noticed() -> None:
    text = "a\n<!-- generated: x -->\n\nold\n\n<!-- end generated -->\nb\n"
    assert fill_blocks(text, lambda name: f"new {name}") == text.replace("old", "new x")


@pytest.mark.parametrize("names", [[*BLOCKS, "levels"], list(BLOCKS)[1:], [*BLOCKS, "unknown"]])
def test_a_block_shown_twice_or_never_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="shown twice, never, or unknown"):
        check_coverage(names)


def test_every_requirement_of_the_code_is_stated_once() -> None:
    stated = [item.requirement for item in statements()]
    twice = {requirement for requirement in stated if stated.count(requirement) > 1}
    assert not twice
    assert set(stated) == known_requirements()


def test_every_requirement_is_raised_with_a_class() -> None:
    assert requirement_errors().keys() == known_requirements()


def test_every_statement_says_shall() -> None:
    vague = [item for item in statements() if not re.search(r"\b(shall|No )", item.sentence)]
    assert not vague


def test_every_requirement_is_exercised_or_waived_with_a_reason() -> None:
    assert untraced() == [], "write a test, a golden stream or a waiver in spec/waivers.toml"
    exercised = exercising_tests().keys() | breaking_streams().keys()
    stale = waivers().keys() & exercised | waivers().keys() - known_requirements()
    assert not stale, "remove these waivers from spec/waivers.toml"
    assert all(len(reason) > 20 for reason in waivers().values())


@pytest.mark.parametrize("function", marked_functions(), ids=lambda function: function.name)
def test_a_marked_function_has_a_clause_with_a_related_title(function: MarkedFunction) -> None:
    clause = clauses().get(function.clause)
    assert clause is not None, f"{function.file}: {function.name} is marked {function.clause}"
    assert words(function.name) & words(clause.title), f"{function.name}: {clause.title}"


def test_no_clause_is_implemented_twice() -> None:
    marks = [function.clause for function in marked_functions()]
    assert len(set(marks)) == len(marks)


def test_every_element_has_semantics_in_the_same_order() -> None:
    for structure, _, semantics in structure_clauses():
        entries = re.findall(r"\*\*(\w+)\*\*(?:\[ i \])?(?=[,:])", semantics.own_text)
        declared = [item.name for item in elements_of(structure) if item.descriptor is not None]
        assert entries == declared, semantics.number


def test_syntax_and_semantics_have_the_same_titles() -> None:
    syntax = {
        number[2:]: clause.title for number, clause in clauses().items() if number[:2] == "6."
    }
    semantics = {
        number[2:]: clause.title for number, clause in clauses().items() if number[:2] == "7."
    }
    assert semantics.items() <= syntax.items()
    assert {syntax[number] for number in syntax.keys() - semantics.keys()} == {"Element index"}


def test_references_lead_to_clauses() -> None:
    for clause in clauses().values():
        missing = set(REFERENCE.findall(clause.own_text)) - clauses().keys()
        assert not missing, clause.number


def test_links_lead_to_files() -> None:
    for path in spec_files():
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert (SPEC / target).exists(), f"{path.name}: {target}"


def test_constants_of_the_text_are_those_of_the_code() -> None:
    text = "".join(clause.own_text for clause in clauses().values())
    used = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text)) | {"TOTAL"}
    assert used - {"ALL_CAPS"} <= constants().keys()


def test_files_are_named_by_their_clause() -> None:
    for clause in clauses().values():
        top = clause.number.split(".")[0]
        prefix = f"{int(top):02}-" if top.isdigit() else f"annex-{top.lower()}-"
        assert clause.file.startswith(prefix), clause.number


def test_the_example_of_the_checksum_holds() -> None:
    assert f"0x{crc32c(b'123456789'):X}" in clauses()["7.3"].text


def test_the_example_of_a_model_set_file_holds() -> None:
    text = clauses()["C.2"].text
    header, values = re.search(r"`(\{.+?\})`", text)[1].encode(), bytes.fromhex("0100FEFF")
    data = len(header).to_bytes(8, "little") + header + values
    assert f"({len(header)} bytes)" in text
    shown = [bytes.fromhex(part) for part in re.findall(r"`((?:[\dA-F]{2} )+[\dA-F]{2})`", text)]
    assert data.startswith(shown[0])
    assert data.endswith(shown[1])
    assert load(data)["a"].tolist() == [1, -2]
