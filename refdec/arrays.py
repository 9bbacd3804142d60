# SPDX-License-Identifier: Apache-2.0
"""Array types, their axes, and the check made where an array enters a room.

Axes are always C, H, W: channels, rows, columns. There is no batch axis in a decoder.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

U8Map: TypeAlias = NDArray[np.uint8]
"""(C, H, W) or (H, W): samples of 8 bits, masks, quality planes."""
U16Map: TypeAlias = NDArray[np.uint16]
"""(C, H, W): samples of 8 to 16 bits; (N): entropy-coded words."""
I8Map: TypeAlias = NDArray[np.int8]
"""(O, I, k, k): network weights."""
I16Map: TypeAlias = NDArray[np.int16]
"""(C, H, W): latents as they are digested and stored; (N): look-up tables."""
I32Map: TypeAlias = NDArray[np.int32]
"""(C, H, W): latents, activations, scale indices."""
I64Map: TypeAlias = NDArray[np.int64]
"""(C, H, W): exact accumulators of the integer reference."""
F32Map: TypeAlias = NDArray[np.float32]
"""(C, H, W): integers held exactly in binary32 by the fast backends."""
BoolMap: TypeAlias = NDArray[np.bool_]
"""(C, H, W) or (H, W): masks."""


def check_map(
    name: str,
    array: NDArray[Any],
    *,
    dtype: DTypeLike = np.int32,
    shape: tuple[int | None, ...] | None = None,
    low: int | None = None,
    high: int | None = None,
) -> None:
    """Refuse an array that is not what a process takes.

    Parameters
    ----------
    name : the variable's name in the text, for the message.
    array : any array.
    dtype : the exact element type.
    shape : the expected sizes; None leaves an axis free, None for the whole leaves all free.
    low, high : inclusive bounds of the values; None for unbounded.

    Raises
    ------
    TypeError
        Wrong element type.
    ValueError
        Wrong shape, not C-contiguous, or a value out of range.
    """
    if array.dtype != np.dtype(dtype):
        message = f"{name} shall be {np.dtype(dtype)}, not {array.dtype}"
        raise TypeError(message)
    if shape is not None and (
        len(shape) != array.ndim
        or any(
            want is not None and want != size for want, size in zip(shape, array.shape, strict=True)
        )
    ):
        message = f"{name} shall have shape {shape}, not {array.shape}"
        raise ValueError(message)
    if not array.flags.c_contiguous:
        message = f"{name} shall be C-contiguous"
        raise ValueError(message)
    if array.size and (
        (low is not None and int(array.min()) < low)
        or (high is not None and int(array.max()) > high)
    ):
        message = f"{name} shall lie in [{low}, {high}], not [{array.min()}, {array.max()}]"
        raise ValueError(message)
