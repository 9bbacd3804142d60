# SPDX-License-Identifier: Apache-2.0
"""Tie a function to the clause of the specification that it implements."""

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def clause(number: str) -> Callable[[_F], _F]:
    """Mark a function as the implementation of one clause, such as ``"8.4.2"``.

    The function is returned unchanged, with the number as its attribute ``clause``. A search for
    the number finds the text, the function and its tests.
    """

    def mark(function: _F) -> _F:
        function.__dict__["clause"] = number
        return function

    return mark
