# SPDX-License-Identifier: Apache-2.0
"""Expressions of the declarations as text."""

import operator
import re
from enum import IntEnum
from typing import Any

from construct.expr import BinExpr

_OPERATORS = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.eq: "==",
    operator.ne: "!=",
    operator.gt: ">",
    operator.and_: "&&",
    operator.or_: "||",
}


def expression_text(expression: Any) -> str:
    """Render an expression of a declaration as the syntax tables print it."""
    if isinstance(expression, BinExpr):
        sides = (
            f"({expression_text(side)})" if isinstance(side, BinExpr) else expression_text(side)
            for side in (expression.lhs, expression.rhs)
        )
        return f" {_OPERATORS[expression.op]} ".join(sides)
    if isinstance(expression, IntEnum):
        return expression.name
    names = re.findall(r"\['(\w+)'\]", str(expression))
    if not names:
        return str(expression)
    derived = names[0] == "_params"
    return "".join(map(str.capitalize, names[-1].split("_"))) if derived else str(names[-1])
