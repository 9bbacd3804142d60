# SPDX-License-Identifier: Apache-2.0
"""Array types and their axes.

Axes are always C, H, W: channels, rows, columns. There is no batch axis in a decoder.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

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
