# SPDX-License-Identifier: Apache-2.0
"""The traceability page: each requirement with its clause, code, tests and golden streams."""

import ast
import tomllib
from collections.abc import Iterator
from functools import cache

from docs.code_facts import ROOT, known_requirements, requirement_errors, requirement_sites
from docs.golden import breaking_streams, keeping_streams, valid_cases
from docs.spec_text import REQUIREMENT, SPEC, Statement, statements
from docs.table import table

MAX_NAMES = 8
"""Longer lists of streams are cut; the count is always given."""


@cache
def waivers() -> dict[str, str]:
    """Return the requirements that nothing exercises, each with the reason."""
    text = (SPEC / "waivers.toml").read_text(encoding="utf-8")
    return {entry["requirement"]: entry["reason"] for entry in tomllib.loads(text)["waiver"]}


@cache
def exercising_tests() -> dict[str, tuple[str, ...]]:
    """Return the functions in tests and stream recipes that name each requirement.

    An identifier in a table of a module stands for the module.
    """
    found: dict[str, list[str]] = {}
    for path in sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("conformance/recipes/*.py")]):
        if "meta" in path.parts:
            continue
        file = path.relative_to(ROOT).as_posix()
        for requirement, owner in _named_in(ast.parse(path.read_text(encoding="utf-8"))):
            names = found.setdefault(requirement, [])
            name = f"{file}::{owner}" if owner else file
            if name not in names:
                names.append(name)
    return {requirement: tuple(names) for requirement, names in found.items()}


def _named_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each requirement of a module with the function or class of the module it stands in."""
    for statement in tree.body:
        is_named = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for requirement in REQUIREMENT.findall(node.value):
                    yield requirement, statement.name if is_named else ""  # type: ignore[attr-defined]


def untraced() -> list[str]:
    """Return what the matrix lacks, one line per gap; empty when it is complete.

    Complete is: stated in a clause, raised by code, and exercised by a test or an invalid stream,
    or waived with a reason.
    """
    stated = {item.requirement for item in statements()}
    exercised = exercising_tests().keys() | breaking_streams().keys()
    known = known_requirements()
    gaps = [f"{name} is stated, but not in the code" for name in stated - known]
    gaps += [f"{name} is in the code, but not stated" for name in known - stated]
    gaps += [
        f"{name} is neither exercised nor waived" for name in known - exercised - waivers().keys()
    ]
    return sorted(gaps)


def traceability_page() -> str:
    """Return the page in Markdown.

    Raises
    ------
    ValueError
        The matrix is not complete.
    """
    if gaps := untraced():
        message = "requirements without a trace:\n" + "\n".join(gaps)
        raise ValueError(message)
    items = sorted(statements(), key=lambda item: item.requirement)
    total = len(items)
    counts = {
        "requirements in the specification": total,
        "raised by the reference decoder": sum(i.requirement in requirement_sites() for i in items),
        "exercised by a test or a stream recipe": sum(
            i.requirement in exercising_tests() for i in items
        ),
        "broken by an invalid golden stream": sum(
            i.requirement in breaking_streams() for i in items
        ),
        "checked and kept in valid golden streams": sum(
            bool(keeping_streams()[i.requirement]) for i in items
        ),
        "waived (`spec/waivers.toml`)": len(waivers()),
    }
    rows = [(name, str(count), f"{100 * count / total:.0f} %") for name, count in counts.items()]
    parts = [_INTRODUCTION, table(("", "Number", "Share"), rows), "## Matrix\n", _matrix(items)]
    parts += ["## Requirements one by one\n", *map(_section, items)]
    return "\n".join(parts)


_INTRODUCTION = """\
# Traceability

From each requirement to the clause that states it, the code that checks it, the tests and the
golden streams that exercise it. The page is generated; the build fails when a requirement is stated
but not checked, checked but not stated, or neither exercised nor waived.

- **Code** is every place in `refdec` that names the requirement: where it is raised or declared.
- **Tests** are the test functions and the recipes of golden streams that name it.
- **Valid streams** pass the check: they contain the element under the requirement, or the condition
  under which the error is raised was looked at while they were decoded. This is measured when the
  page is built; there are none where the check comes only after something else was found wrong.
- **Invalid streams** break the requirement, and nothing else.

Requirements on model sets and tables (`NET`, `ENT-001`) cannot be broken by a stream: the tests
break files of model sets instead, and the shipped set keeps them whenever a stream is decoded.
"""


def _matrix(items: list[Statement]) -> str:
    """Return one row of counts per requirement."""
    groups = requirement_sites(), exercising_tests(), keeping_streams(), breaking_streams()
    rows = []
    for item in items:
        name = item.requirement
        rows.append(
            (
                f"[{name}](#{name.lower()})",
                _from_docs(item.clause.link),
                *(str(len(group.get(name, ()))) for group in groups),
            )
        )
    heads = ("Requirement", "Clause", "Code", "Tests", "Valid streams", "Invalid streams")
    return table(heads, rows)


def _section(item: Statement) -> str:
    name = item.requirement
    sites = [f"`{site.name}` (line {site.line})" for site in requirement_sites()[name]]
    lines = [
        f"### {name}",
        "",
        f"{item.sentence}",
        "",
        f"- Clause: {_from_docs(item.clause.link)} {item.clause.title}",
        f"- Error: {', '.join(requirement_errors()[name])}",
        f"- Code: {_listed(sites)}",
        f"- Tests: {_listed([f'`{test}`' for test in exercising_tests().get(name, ())])}",
        f"- Valid streams: {_streams(keeping_streams()[name])}",
        f"- Invalid streams: {_streams(breaking_streams().get(name, ()))}",
    ]
    if name in waivers():
        lines.append(f"- Waived: {waivers()[name]}")
    return "\n".join(lines) + "\n"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _streams(names: tuple[str, ...]) -> str:
    """Say how many streams, and name them as far as the list is short."""
    if not names:
        return "none"
    if len(names) == len(valid_cases()):
        return f"all {len(names)}"
    shown = ", ".join(f"`{name}`" for name in names[:MAX_NAMES])
    return f"{len(names)}: {shown}{', ...' if len(names) > MAX_NAMES else ''}"


def _from_docs(link: str) -> str:
    """Turn a link of the specification into one from ``docs/reference``."""
    return link.replace("](", "](../../spec/")
