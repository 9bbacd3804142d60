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
        for requirement, name in (*_raised(tree), *_tabled(tree)):
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
        ids = [value.value for value in values if _is_requirement(value)]  # type: ignore[attr-defined]
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if ids and called not in _DECLARATIONS:
            is_method = isinstance(node.func, ast.Attribute)
            kinds = _named_errors([node.func, *values])
            kinds = kinds or _named_errors(_definitions(called, is_method=is_method))
            for kind in kinds:
                yield ids[0], kind


def _tabled(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield identifiers in tables with the errors that the users of the table raise.

    A table is a constant of the module, or a tuple in a function. Its users are the functions that
    name it, or the function itself; they pass a variable on as the requirement.
    """
    tables: dict[str, list[str]] = {}
    for constant in tree.body:
        if isinstance(constant, ast.Assign | ast.AnnAssign):
            target = constant.target if isinstance(constant, ast.AnnAssign) else constant.targets[0]
            tables[ast.unparse(target)] = _identifiers(constant)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        inner = list(ast.walk(function))
        names = {node.id for node in inner if isinstance(node, ast.Name)}
        ids = [name for table in names & tables.keys() for name in tables[table]]
        ids += [
            name for node in inner if isinstance(node, ast.Tuple) for name in _identifiers(node)
        ]
        for call in (node for node in inner if ids and isinstance(node, ast.Call)):
            yield from ((name, kind) for kind in _passed_on(call) for name in ids)


def _identifiers(node: ast.AST) -> list[str]:
    return [inner.value for inner in ast.walk(node) if _is_requirement(inner)]  # type: ignore[attr-defined]


def _passed_on(call: ast.Call) -> set[str]:
    """Return the errors of a call whose requirement is a variable."""
    if any(
        item.arg == "requirement" and isinstance(item.value, ast.Name) for item in call.keywords
    ):
        return _named_errors([call.func])
    definitions = _definitions(ast.unparse(call.func), is_method=False)
    for definition in definitions:
        names = [item.arg for item in definition.args.args]  # type: ignore[attr-defined]
        place = names.index("requirement") if "requirement" in names else len(call.args)
        if place < len(call.args) and isinstance(call.args[place], ast.Name):
            return _named_errors(definitions)
    return set()


def _named_errors(nodes: list[ast.AST]) -> set[str]:
    leaves = {kind.__name__ for kind in error_classes() if not kind.__subclasses__()}
    names = {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names & leaves


def _definitions(name: str, *, is_method: bool) -> list[ast.AST]:
    return [node for node in _bodies(is_method=is_method) if node.name == name]


@cache
def _bodies(*, is_method: bool) -> tuple[ast.FunctionDef, ...]:
    """Return every method of every class, or every function of every module."""
    return tuple(
        node
        for tree in sources().values()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef if is_method else ast.Module)
        for node in owner.body  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef)
    )


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


@dataclass(frozen=True)
class Site:
    """A place in the code that names a requirement."""

    file: str
    line: int
    owner: str
    """Function with its class, or the class and field of a declaration."""
    is_function: bool
    check: range
    """Lines of the condition under which an error is raised here; empty where there is none."""

    @property
    def name(self) -> str:
        """File and owner in one word."""
        return f"{self.file}::{self.owner}"


@cache
def requirement_sites() -> dict[str, tuple[Site, ...]]:
    """Return where the decoder's code names each requirement."""
    found: dict[str, list[Site]] = {}
    for file, tree in sources().items():
        nodes = list(_owned_nodes(tree, ""))
        functions = {owner for owner, node in nodes if isinstance(node, ast.FunctionDef)}
        conditions = _conditions(tree)
        for owner, node in nodes:
            if _is_requirement(node):
                check = conditions.get(node, range(0))
                site = Site(file, node.lineno, owner, owner in functions, check)  # type: ignore[attr-defined]
                found.setdefault(node.value, []).append(site)  # type: ignore[attr-defined]
    return {requirement: tuple(places) for requirement, places in sorted(found.items())}


def _conditions(tree: ast.Module) -> dict[ast.AST, range]:
    """Return the lines of the innermost condition of everything inside a ``raise``."""
    found: dict[ast.AST, range] = {}
    for branch in ast.walk(tree):  # outer conditions come before inner ones
        if isinstance(branch, ast.If):
            lines = range(branch.test.lineno, (branch.test.end_lineno or 0) + 1)
            for statement in branch.body:
                for error in ast.walk(statement):
                    if isinstance(error, ast.Raise):
                        found |= dict.fromkeys(ast.walk(error), lines)
    return found


def _owned_nodes(node: ast.AST, owner: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node below one, with the qualified name of what it stands in."""
    for child in ast.iter_child_nodes(node):
        name = owner
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            name = f"{owner}.{child.name}" if owner else child.name
        elif isinstance(child, ast.AnnAssign | ast.Assign) and not _in_function(node):
            target = child.target if isinstance(child, ast.AnnAssign) else child.targets[0]
            name = f"{owner}.{ast.unparse(target)}" if owner else ast.unparse(target)
        yield name, child
        yield from _owned_nodes(child, name)


def _in_function(node: ast.AST) -> bool:
    return not isinstance(node, ast.Module | ast.ClassDef)


@cache
def callers(name: str) -> frozenset[str]:
    """Return the functions of the decoder that use a name, as ``file::owner``."""
    return frozenset(
        f"{file}::{owner}"
        for file, tree in sources().items()
        for owner, node in _owned_nodes(tree, "")
        if (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.Name) and node.id == name)
    )
