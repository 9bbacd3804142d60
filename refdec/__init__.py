# SPDX-License-Identifier: Apache-2.0
"""The JAI reference decoder: integer arithmetic from the first byte to the last sample.

Everything below is imported when first used, so that ``import refdec`` costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refdec.decoding import (
        HashResult,
        decode,
        decode_latents,
        decode_progressive,
        parse,
        verify,
    )
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
    from refdec.limits import Limits
    from refdec.picture import Colour, Latents, Picture
    from refdec.syntax.codestream import Codestream

__version__ = "0.1.0"

_MODULES = {
    "decoding": ("HashResult", "decode", "decode_latents", "decode_progressive", "parse", "verify"),
    "errors": (
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
    ),
    "limits": ("Limits",),
    "picture": ("Colour", "Latents", "Picture"),
    "syntax.codestream": ("Codestream",),
}

__all__ = [
    "Codestream",
    "CodestreamError",
    "Colour",
    "ConstraintViolation",
    "HashMismatch",
    "HashResult",
    "Latents",
    "LimitExceeded",
    "Limits",
    "MalformedStream",
    "ModelError",
    "NonConforming",
    "Picture",
    "RefdecError",
    "TruncatedStream",
    "UnsupportedFeature",
    "__version__",
    "decode",
    "decode_latents",
    "decode_progressive",
    "parse",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import the module of a public name."""
    import importlib  # noqa: PLC0415

    for module, names in _MODULES.items():
        if name in names:
            value = getattr(importlib.import_module(f"refdec.{module}"), name)
            globals()[name] = value
            return value
    message = f"module 'refdec' has no attribute {name!r}"
    raise AttributeError(message)
