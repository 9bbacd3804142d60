# SPDX-License-Identifier: Apache-2.0
"""The JAI reference decoder: integer arithmetic from the first byte to the last sample.

Everything below is imported when first used, so that ``import refdec`` costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refdec.animation import Frame
    from refdec.decoding import (
        decode,
        decode_frames,
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
    from refdec.still import HashResult
    from refdec.syntax.codestream import Codestream

__version__ = "0.5.0"

_MODULES = ("errors", "limits", "syntax.codestream", "picture", "animation", "still", "decoding")
"""Where the public names are, those that are quick to import first."""

__all__ = [
    "Codestream",
    "CodestreamError",
    "Colour",
    "ConstraintViolation",
    "Frame",
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
    "decode_frames",
    "decode_latents",
    "decode_progressive",
    "parse",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import the module of a public name."""
    import importlib  # noqa: PLC0415

    for module in _MODULES if name in __all__ else ():
        found = vars(importlib.import_module(f"refdec.{module}"))
        if name in found:
            return globals().setdefault(name, found[name])
    message = f"module 'refdec' has no attribute {name!r}"
    raise AttributeError(message)
