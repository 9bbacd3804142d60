# SPDX-License-Identifier: Apache-2.0
"""One exception tree for everything a stream, a model file or a caller's limit can cause.

Every leaf says which requirement failed, at which syntax element, and where in the stream.
A class also fixes the exit status that the command line reports for it.
"""

from typing import ClassVar


class RefdecError(Exception):
    """Base of all errors that the decoder raises on purpose.

    Parameters
    ----------
    message : what is wrong, in one clause without a full stop.
    requirement : identifier of the violated requirement, such as ``"PIH-007"``.
    element : name of the syntax element, such as ``"width_minus1"``.
    offset : byte offset in the codestream where the element starts.
    """

    exit_code: ClassVar[int] = 3

    def __init__(
        self,
        message: str,
        *,
        requirement: str | None = None,
        element: str | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.requirement = requirement
        self.element = element
        self.offset = offset

    def __str__(self) -> str:
        """Join the message and the known details: ``message [element=..., byte 17, PIH-007]``."""
        details = [
            f"element={self.element}" if self.element is not None else None,
            f"byte {self.offset}" if self.offset is not None else None,
            self.requirement,
        ]
        known = ", ".join(detail for detail in details if detail)
        return f"{self.message} [{known}]" if known else self.message


class CodestreamError(RefdecError):
    """The stream does not conform to the specification."""


class TruncatedStream(CodestreamError):
    """The stream, or a segment of it, ends inside an element."""


class MalformedStream(CodestreamError):
    """Broken syntax: unknown marker, reserved value, non-zero padding, leftovers, wrong order."""


class ConstraintViolation(CodestreamError):
    """Well-formed syntax whose values break a "shall"."""


class NonConforming(CodestreamError):
    """The stream breaks the limits of the profile or level it declares."""


class UnsupportedFeature(RefdecError):
    """A legal feature, profile, level or model set that this decoder does not implement."""

    exit_code = 4


class LimitExceeded(RefdecError):
    """The stream is legal but larger than the caller's budget."""

    exit_code = 4


class HashMismatch(RefdecError):
    """A decoded latent tensor or picture differs from the digest that the stream carries."""

    exit_code = 5


class ModelError(RefdecError):
    """The weights file of a model set is missing, altered or malformed."""

    exit_code = 6
