# SPDX-License-Identifier: Apache-2.0
"""Seed one fault in the source of a module."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from conformance.mutation.operators import variants

SHOWN = 160
"""Most characters of a statement or an expression that are shown."""
_OF_CALLERS = {"ModelError", "ValueError", "TypeError", "RuntimeError", "AttributeError"}
"""Errors that no stream causes, but a model file or a caller."""
_CHECKS = {"check", "_check", "_refuse", "_integer"}
"""Functions that raise such errors, or declare what is checked."""
_TEXT = {"message", "where", "__all__", "__version__"}
"""Variables that hold nothing that is decoded."""
_VIEWS = {"trace", "trace.rows", "rows"}
"""Variables through which the decoding is looked at."""
_PLACE = {"element", "offset"}
"""Attributes of an error that say where it is."""


@dataclass(frozen=True)
class Mutant:
    """One fault, by the place it has in the source."""

    file: str
    """Path from the directory that holds the package."""
    scope: str
    """Function or class, with those around it; empty at the top level."""
    line: int
    lines: tuple[int, int]
    """First and last line of the statement, without the statements inside it."""
    operator: str
    text: str
    """The source line."""
    before: str
    after: str
    count: int
    """How many mutants before this one read the same."""
    node: int
    """Number of the node in the walk over the tree."""
    variant: int
    """Number of the variant of the node."""

    @property
    def place(self) -> str:
        """File and scope."""
        return f"{self.file}:{self.scope}"

    @property
    def change(self) -> str:
        """The source line, and what becomes of which part of it."""
        number = f" #{self.count + 1}" if self.count else ""
        return f"{self.text} | {self.before} -> {self.after}{number}"

    @property
    def id(self) -> str:
        """What names the mutant as long as its line stays as it is."""
        return f"{self.place} {self.change}"


class _Site(NamedTuple):
    """A node that may be mutated, and where it hangs."""

    node: ast.AST
    parent: ast.AST
    field: str
    position: int | None
    """In a field that is a list."""
    scope: str
    statement: ast.stmt


def mutants_of(source: str, file: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of the source.

    Parameters
    ----------
    file : its path, for the mutants' names.
    """
    found, seen, source_lines = [], Counter[str](), source.splitlines()
    for number, site in enumerate(_sites(ast.parse(source))):
        line = _line_of(site)
        text = source_lines[line - 1].strip()
        for index, (operator, changed) in enumerate(variants(site.node)):
            before, after = _shown(site.node), _shown(changed)
            name = f"{site.scope}|{text}|{before}|{after}"
            found.append(
                Mutant(
                    file=file,
                    scope=site.scope,
                    line=line,
                    lines=_own_lines(site.statement),
                    operator=operator,
                    text=text,
                    before=before,
                    after=after,
                    count=seen[name],
                    node=number,
                    variant=index,
                )
            )
            seen[name] += 1
    return found


def mutated(source: str, node: int, variant: int) -> ast.Module:
    """Return the tree of a module with one fault.

    Parameters
    ----------
    node, variant : of a mutant of the same source.
    """
    tree = ast.parse(source)
    site = next(site for number, site in enumerate(_sites(tree)) if number == node)
    _, changed = next(v for index, v in enumerate(variants(site.node)) if index == variant)
    if site.position is None:
        setattr(site.parent, site.field, changed)
    else:
        getattr(site.parent, site.field)[site.position] = changed
    line = _line_of(site)
    for added in ast.walk(changed):
        if isinstance(added, ast.stmt | ast.expr) and not hasattr(added, "lineno"):
            added.lineno = added.end_lineno = line
            added.col_offset = added.end_col_offset = 0
    return tree


def _line_of(site: _Site) -> int:
    line: int = getattr(site.node, "lineno", site.statement.lineno)
    return line


def _shown(node: ast.AST) -> str:
    """Write a node on one line; of a compound statement its head."""
    if isinstance(node, ast.comprehension):
        text = ast.unparse(ast.GeneratorExp(ast.Constant(...), [node]))
    else:
        text = ast.unparse(node)
    text = text.partition("\n")[0]
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _own_lines(statement: ast.stmt) -> tuple[int, int]:
    body = getattr(statement, "body", None)
    last = statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, body[0].lineno - 1) if body else last


def _sites(tree: ast.Module) -> Iterator[_Site]:
    """Walk over what a decoder must have right, in the order of the source."""
    for index, statement in enumerate(tree.body):
        yield from _visit(_Site(statement, tree, "body", index, "", statement))


def _visit(site: _Site) -> Iterator[_Site]:
    node, scope, statement = site.node, site.scope, site.statement
    if _is_left_out(node):
        return
    yield site
    if isinstance(node, ast.Raise):
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        scope = f"{scope}.{node.name}" if scope else node.name
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_comment", "bases"}:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if isinstance(child, ast.AST):
                yield from _visit(
                    _Site(
                        child,
                        node,
                        name,
                        index if isinstance(value, list) else None,
                        scope,
                        child if isinstance(child, ast.stmt) else statement,
                    )
                )


def _is_left_out(node: ast.AST) -> bool:  # noqa: C901, PLR0911 - one case per kind of node
    """Whether nothing in a node is a decoder's business."""
    match node:
        case ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Assign(targets=[ast.Name(id=name)]) if name in _TEXT:
            return True
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="error"), attr=name)]):
            return name in _PLACE
        case (
            ast.Call(func=ast.Name(id=name)) | ast.Expr(value=ast.Call(func=ast.Name(id=name)))
        ) if name in _CHECKS:
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.If(test=ast.Compare(left=left)) | ast.Compare(left=left) if _observes(left):
            return True
        case ast.If(body=body, orelse=[]):
            return all(_guards_callers(statement) for statement in body)
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))):
            return name in _OF_CALLERS
        case ast.ExceptHandler(body=body):
            return all(_guards_callers(statement) for statement in body)
    return False


def _observes(node: ast.expr) -> bool:
    """Whether this is a view of the decoding: control points, or rows of elements."""
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in _VIEWS


def _guards_callers(statement: ast.stmt) -> bool:
    """Whether a statement does nothing but refuse what no stream causes."""
    return isinstance(statement, ast.Assign | ast.Expr | ast.Raise) and _is_left_out(statement)
