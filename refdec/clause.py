# SPDX-License-Identifier: Apache-2.0
"""Tie a function to the clause of the specification that it implements."""

from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def clause(number: str) -> Callable[[_F], _F]:
    """Mark a function as the implementation of one clause, such as ``"8.4.2"``.

    The function is returned unchanged; `clause_of` reads the mark back. A search for the
    clause number finds the text, the function and its tests.
    """

    def mark(function: _F) -> _F:
        function.__dict__["clause"] = number
        return function

    return mark


def clause_of(function: Callable[..., Any]) -> str | None:
    """Return the clause number of a marked function, or None."""
    number = getattr(function, "clause", None)
    return number if isinstance(number, str) else None
