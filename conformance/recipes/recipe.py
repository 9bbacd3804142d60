# SPDX-License-Identifier: Apache-2.0
"""What a recipe says about its stream."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Process = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with an invalid stream, and how it was before."""

    requirements: tuple[str, ...]
    """Requirements that a decoder may name; any of them is the right reason."""
    element: str
    """The one field that is wrong: syntax element, or part of a segment."""
    sound: Callable[[], bytes]
    """The stream without the fault."""
    is_value: bool = False
    """Only the bits of one element differ."""
    by_verifying: bool = False
    """Only a decoder that verifies the hashes of the stream can notice."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One case of the suite."""

    id: str
    """suite/name"""
    purpose: str
    """What the stream holds."""
    catches: str
    """The mistake that it catches."""
    build: Callable[[], bytes]
    is_exact: bool = True
    """The bytes do not depend on the floating-point arithmetic of the encoder's analysis."""
    processes: tuple[Process, ...] = ()
    """The functions of the decoding process that the stream is about; each names its clause."""
    module: str = ""
    """Where the recipe stands; filled in by `all_recipes`."""
    fault: Fault | None = None
    """None for a valid stream."""
