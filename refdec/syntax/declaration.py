# SPDX-License-Identifier: Apache-2.0
"""The declaration of a syntax element and of the rules on it.

A structure of the codestream is a frozen dataclass whose fields are `element` or `nested`
declarations in codestream order. Everything that is known about an element is said there once.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from typing import Any

from refdec.errors import ConstraintViolation, MalformedStream, RefdecError
from refdec.syntax.descriptors import Descriptor, evaluate


@dataclass(frozen=True)
class Element:
    """One syntax element."""

    descriptor: Descriptor | None
    """None for a nested structure."""
    summary: str
    requirement: str | None = None
    """Identifier of the rule on the element's own values."""
    allowed: Collection[int] | None = None
    """Legal values, None for all that the descriptor can say."""
    maximum: Any = None
    """Largest legal value, an expression."""
    present_if: Any = None
    """Condition on earlier elements, an expression; None for always."""
    inferred: Any = None
    """Value when not present."""
    count: Any = None
    """Number of items of an array, an expression; None for a single value."""
    error: type[RefdecError] = MalformedStream
    structure: type | None = None
    name: str = ""

    def check(self, value: int, context: Mapping[str, Any], offset: int) -> None:
        """Raise the element's error when the value is reserved or out of range."""
        maximum = evaluate(self.maximum, context)
        if self.allowed is not None and value not in self.allowed:
            legal = values_text(self.allowed)
        elif maximum is not None and value > maximum:
            legal = f"at most {maximum}"
        else:
            return
        message = f"value {_number_text(value)} shall be {legal}"
        raise self.error(message, requirement=self.requirement, element=self.name, offset=offset)


@dataclass(frozen=True)
class Constraint:
    """A rule on several elements of a structure."""

    requirement: str
    element: str
    """The element that the error names."""
    summary: str
    holds: Callable[[Any], bool]
    error: type[RefdecError] = ConstraintViolation
    kind: str = "rule"


def increasing(requirement: str, name: str) -> Constraint:
    """Items of an array shall be strictly increasing."""
    return Constraint(
        requirement,
        name,
        f"{name} shall be strictly increasing",
        lambda value: list(getattr(value, name)) == sorted(set(getattr(value, name))),
        kind="increasing",
    )


def distinct(requirement: str, name: str) -> Constraint:
    """Items of an array shall differ from one another."""
    return Constraint(
        requirement,
        name,
        f"the items of {name} shall differ from one another",
        lambda value: len(set(getattr(value, name))) == len(getattr(value, name)),
        kind="distinct",
    )


def element(
    descriptor: Descriptor,
    summary: str,
    requirement: str | None = None,
    allowed: Collection[int] | None = None,
    **rules: Any,
) -> Any:
    """Declare a syntax element as a dataclass field; `rules` are the other fields of `Element`."""
    declared = Element(descriptor, summary, requirement, allowed, **rules)
    default: Any = MISSING
    if declared.present_if is not None:
        default = declared.inferred
    elif declared.allowed is not None and len(declared.allowed) == 1:
        default = next(iter(declared.allowed))
    return field(default=default, metadata={"element": declared})


def nested(structure: type, summary: str, *, count: Any) -> Any:
    """Declare an array of `count` structures as a dataclass field."""
    return field(metadata={"element": Element(None, summary, count=count, structure=structure)})


@cache
def elements_of(structure: type) -> tuple[Element, ...]:
    """Return the declarations of a structure in codestream order."""
    return tuple(
        replace(item.metadata["element"], name=item.name)
        for item in fields(structure)
        if "element" in item.metadata
    )


def constraints_of(structure: type) -> tuple[Constraint, ...]:
    """Return the rules on several elements of a structure, in the order they are checked."""
    return getattr(structure, "CONSTRAINTS", ())


def requirements_of(structure: type, declared: Element) -> tuple[str, ...]:
    """Return the identifiers of all rules that name an element."""
    own = (declared.requirement,) if declared.requirement else ()
    rules = (
        rule.requirement for rule in constraints_of(structure) if rule.element == declared.name
    )
    return tuple(dict.fromkeys((*own, *rules)))


def values_text(values: Collection[int]) -> str:
    """Say a set of legal values in words, such as ``in 0..8`` or ``one of 1, 4..12``."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    texts = [_number_text(a) + (f"..{_number_text(b)}" if b > a else "") for a, b in runs]
    if len(texts) > 1:
        return "one of " + ", ".join(texts)
    return texts[0] if len(values) == 1 else f"in {texts[0]}"


def _number_text(value: int) -> str:
    """Write markers and signatures, which are large, in hexadecimal."""
    return str(value) if value <= _MAX_DECIMAL else f"{value:X}"


_MAX_DECIMAL = 255


def check_constraints(value: Any, offsets: Mapping[str, int]) -> None:
    """Check the rules on several elements; `offsets` maps element names to byte offsets."""
    for rule in constraints_of(type(value)):
        if not rule.holds(value):
            raise rule.error(
                rule.summary,
                requirement=rule.requirement,
                element=rule.element,
                offset=offsets.get(rule.element),
            )
