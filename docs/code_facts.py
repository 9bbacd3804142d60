# SPDX-License-Identifier: Apache-2.0
"""Read the reference decoder: the requirements it raises and the clauses it implements."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from docs.spec_text import REQUIREMENT
from docs.syntax_requirements import STRUCTURES
from refdec import errors
from refdec.syntax.declaration import constraints_of, elements_of

ROOT = Path(__file__).resolve().parent.parent
_DECLARATIONS = {"element", "nested", "Constraint", "increasing", "distinct"}


@dataclass(frozen=True)
class MarkedFunction:
    """A function that carries ``@clause``."""

    clause: str
    name: str
    """With its class, if it is a method."""
    file: str


def error_classes() -> list[type[errors.RefdecError]]:
    """Return the exception tree in the order of its definition."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [kind for kind in found if issubclass(kind, errors.RefdecError)]


@cache
def sources(room: str = "refdec") -> dict[str, ast.Module]:
    """Return the parsed modules of a folder by their paths."""
    paths = sorted((ROOT / room).rglob("*.py"))
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in paths
    }


def _is_requirement(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and REQUIREMENT.fullmatch(node.value) is not None
    )


@cache
def known_requirements() -> frozenset[str]:
    """Return every identifier that stands in the decoder's code."""
    return frozenset(
        node.value  # type: ignore[attr-defined]
        for tree in sources().values()
        for node in ast.walk(tree)
        if _is_requirement(node)
    )


@cache
def requirement_errors() -> dict[str, tuple[str, ...]]:
    """Return the names of the error classes that carry each requirement."""
    found: dict[str, set[str]] = {}
    for structure in STRUCTURES:
        for item in elements_of(structure):
            if item.requirement:
                found.setdefault(item.requirement, set()).add(item.error.__name__)
        for rule in constraints_of(structure):
            found.setdefault(rule.requirement, set()).add(rule.error.__name__)
    for tree in sources().values():
        for requirement, name in _raised(tree):
            found.setdefault(requirement, set()).add(name)
    return {requirement: tuple(sorted(names)) for requirement, names in sorted(found.items())}


def _raised(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield identifiers with the error class named in the same call, or by the called function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Assign) and _is_requirement(inner.value):
                    yield inner.value.value, node.type.id  # type: ignore[attr-defined]
        if not isinstance(node, ast.Call):
            continue
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        ids = _requirements_in(values)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if ids and called not in _DECLARATIONS:
            is_method = isinstance(node.func, ast.Attribute)
            kinds = _named_errors([node.func, *values])
            kinds = kinds or _named_errors(_definitions(called, is_method=is_method))
            yield from ((requirement, kind) for requirement in ids for kind in kinds)


def _requirements_in(arguments: list[ast.expr]) -> list[str]:
    """Return the identifiers among arguments, and in tables that an argument looks one up in."""
    tables = [item.value for item in arguments if isinstance(item, ast.Subscript)]
    choices = [*arguments, *(v for t in tables if isinstance(t, ast.Dict) for v in t.values)]
    return [item.value for item in choices if _is_requirement(item)]  # type: ignore[attr-defined]


def _named_errors(nodes: list[ast.AST]) -> set[str]:
    leaves = {kind.__name__ for kind in error_classes() if not kind.__subclasses__()}
    names = {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names & leaves


def _definitions(name: str, *, is_method: bool) -> list[ast.AST]:
    bodies = [
        owner.body
        for tree in sources().values()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef if is_method else ast.Module)
    ]
    return [
        node
        for body in bodies
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]


@cache
def marked_functions() -> tuple[MarkedFunction, ...]:
    """Return every function under ``@clause("...")``."""
    found = []
    for file, tree in sources().items():
        owners = {
            inner: f"{node.name}."
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for inner in node.body
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                match = re.fullmatch(r"clause\('(.+)'\)", ast.unparse(mark))
                if match:
                    name = owners.get(node, "") + node.name
                    found.append(MarkedFunction(match[1], name, file))
    return tuple(found)


def module_of(file: str) -> ModuleType:
    """Import the module of a source file such as ``refdec/bits.py``."""
    return importlib.import_module(file.removesuffix(".py").replace("/", "."))
