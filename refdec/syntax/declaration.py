# SPDX-License-Identifier: Apache-2.0
"""The declaration of a syntax element, and the checks that follow from it.

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

    def is_present(self, context: Mapping[str, Any]) -> bool:
        """Evaluate the condition on the elements before this one."""
        return self.present_if is None or bool(evaluate(self.present_if, context))

    def num_items(self, context: Mapping[str, Any]) -> int:
        """Evaluate the number of items; 1 for a single value."""
        return 1 if self.count is None else int(evaluate(self.count, context))

    def largest(self, context: Mapping[str, Any]) -> int | None:
        """Return the largest integer that the descriptor can say; None for byte strings."""
        if self.descriptor is None or self.descriptor.largest is None:
            return None
        return self.descriptor.largest(evaluate(self.descriptor.size, context))

    def check(self, value: int, context: Mapping[str, Any], offset: int | None = None) -> None:
        """Raise the element's error when the value is reserved or out of range."""
        maximum = evaluate(self.maximum, context)
        if self.allowed is not None and value not in self.allowed:
            legal = values_text(self.allowed)
        elif maximum is not None and value > maximum:
            legal = f"at most {maximum}"
        else:
            return
        message = f"value {value} shall be {legal}"
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


def element(descriptor: Descriptor, summary: str, **rules: Any) -> Any:
    """Declare a syntax element as a dataclass field; `rules` are the other fields of `Element`."""
    declared = Element(descriptor, summary, **rules)
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
    """Say a set of legal values in words."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return str(ordered[0])
    if ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"in {ordered[0]}..{ordered[-1]}"
    return "one of " + ", ".join(map(str, ordered))


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


def check_structure(value: Any, variables: Mapping[str, int] | None = None) -> None:
    """Check a structure before it is written.

    Raises
    ------
    RefdecError
        A value breaks a requirement.
    ValueError
        No codestream can say it: a value that does not fit its descriptor, an array of the wrong
        length, or an absent element that differs from its inferred value.
    """
    context: dict[str, Any] = {"_params": variables or {}}
    for item in elements_of(type(value)):
        stored = context[item.name] = getattr(value, item.name)
        if not item.is_present(context):
            if stored != item.inferred:
                message = f"{item.name} is absent and shall be {item.inferred}"
                raise ValueError(message)
            continue
        items = (stored,) if item.count is None else stored
        if len(items) != item.num_items(context):
            message = f"{item.name} shall have {item.num_items(context)} items"
            raise ValueError(message)
        for entry in items:
            _check_item(item, entry, context)
    check_constraints(value, {})


def _check_item(declared: Element, entry: Any, context: Mapping[str, Any]) -> None:
    largest = declared.largest(context)
    if declared.descriptor is None:
        check_structure(entry)
    elif largest is not None:
        if not 0 <= entry <= largest:
            message = f"{declared.name} {entry} does not fit its descriptor"
            raise ValueError(message)
        declared.check(entry, context)
    elif declared.descriptor.size not in {None, 8 * len(entry)}:
        message = f"{declared.name} shall have {declared.descriptor.size} bits"
        raise ValueError(message)
