# SPDX-License-Identifier: Apache-2.0
"""The JAI reference decoder: integer arithmetic from the first byte to the last sample."""

from refdec.errors import (
    CodestreamError,
    ConstraintViolation,
    HashMismatch,
    LimitExceeded,
    MalformedStream,
    ModelError,
    NonConforming,
    RefdecError,
    TruncatedStream,
    UnsupportedFeature,
)

__version__ = "0.1.0"

__all__ = [
    "CodestreamError",
    "ConstraintViolation",
    "HashMismatch",
    "LimitExceeded",
    "MalformedStream",
    "ModelError",
    "NonConforming",
    "RefdecError",
    "TruncatedStream",
    "UnsupportedFeature",
    "__version__",
]
