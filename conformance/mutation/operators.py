# SPDX-License-Identifier: Apache-2.0
"""What can go wrong at a node of a syntax tree: the mutation operators."""

import ast
from collections.abc import Iterator
from copy import deepcopy

Variant = tuple[str, ast.AST]
"""The name of the operator, and the node that takes the place of the right one."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_NAMES = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "ceil": "floor",
    "any": "all",
    "all": "any",
}
"""Functions and methods that are taken for one another."""
_OF_NUMPY = {
    "zeros": "ones",
    "zeros_like": "ones_like",
    "bitwise_and": "bitwise_or",
    "right_shift": "left_shift",
    "add": "subtract",
    "multiply": "add",
    "less": "less_equal",
    "floor": "ceil",
}
"""The same, of functions that are NumPy's."""
_NO_BOUND = ast.Constant(None)


def variants(node: ast.AST) -> Iterator[Variant]:  # noqa: C901 - one case per kind of node
    """Yield what may stand in the place of a node, one fault each."""
    match node:
        case ast.Compare():
            yield from _compare(node)
        case ast.Constant():
            yield from _constant(node)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _ARITHMETIC:
            yield "operator", _with(node, op=_ARITHMETIC[type(op)]())
        case ast.BoolOp():
            other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            yield "logic", _with(node, op=other)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            if not isinstance(node.operand, ast.Constant):
                yield "unary", deepcopy(node.operand)
        case ast.IfExp(test=test) | ast.If(test=test) | ast.While(test=test):
            yield "condition", _with(node, test=_negated(test))
        case ast.comprehension(ifs=[condition, *others]):
            yield "condition", _with(node, ifs=[_negated(condition), *others])
        case ast.Call():
            yield from _call(node)
        case ast.Slice():
            yield from _slice(node)
    yield from _statement(node)


def _with(node: ast.AST, **changes: object) -> ast.AST:
    """Copy a node with some of its fields replaced."""
    changed = deepcopy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), deepcopy(test))


def _compare(node: ast.Compare) -> Iterator[Variant]:
    """Exchange each operator with the one that differs in the equal case, or with its opposite."""
    for index, op in enumerate(node.ops):
        ops = [*node.ops]
        ops[index] = _COMPARISONS[type(op)]()
        yield "comparison", _with(node, ops=ops)


def _constant(node: ast.Constant) -> Iterator[Variant]:
    """Exchange True and False; make integers one larger and one smaller."""
    if isinstance(node.value, bool):
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield "constant", ast.Constant(node.value + 1)
        yield "constant", ast.Constant(node.value - 1)


def _call(node: ast.Call) -> Iterator[Variant]:
    """Exchange a function with its opposite; leave out one bound of a clip."""
    match node.func:
        case ast.Name(id=name) if name in _NAMES:
            yield "function", _with(node, func=ast.Name(_NAMES[name], ast.Load()))
        case ast.Attribute(value=ast.Name(id="np"), attr=name) if name in _OF_NUMPY:
            yield "function", _with(node, func=_with(node.func, attr=_OF_NUMPY[name]))
        case ast.Attribute(attr=name) if name in _NAMES:
            yield "function", _with(node, func=_with(node.func, attr=_NAMES[name]))
        case ast.Attribute(value=ast.Name(id="np"), attr="clip"):
            head, bounds = node.args[:1], node.args[1:]
            if [type(bound) for bound in bounds] == [ast.Starred]:
                (both,) = bounds
                bounds = [_item(both.value, 0), _item(both.value, 1)]  # type: ignore[attr-defined]
            low, high = bounds
            yield "clip", _with(node, args=[*head, _NO_BOUND, high])
            yield "clip", _with(node, args=[*head, low, _NO_BOUND])


def _item(sequence: ast.expr, index: int) -> ast.expr:
    return ast.Subscript(deepcopy(sequence), ast.Constant(index), ast.Load())


def _slice(node: ast.Slice) -> Iterator[Variant]:
    """Leave out a bound of a slice, or move it by one."""
    for name in ("lower", "upper"):
        bound = getattr(node, name)
        if bound is None:
            continue
        yield "slice", _with(node, **{name: None})
        if not isinstance(bound, ast.Constant):
            moved = ast.BinOp(deepcopy(bound), ast.Add(), ast.Constant(1))
            yield "slice", _with(node, **{name: moved})


def _statement(node: ast.AST) -> Iterator[Variant]:
    """Leave a statement out."""
    match node:
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield "statement", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "statement", ast.Pass()
        case ast.Return(value=value) if not isinstance(value, ast.Constant | None):
            yield "statement", ast.Return(ast.Constant(None))
        case ast.Continue():
            yield "statement", ast.Break()
        case ast.Break():
            yield "statement", ast.Continue()
