# SPDX-License-Identifier: Apache-2.0
"""Quality map: an offset of the quality index at each latent position, for regions of interest."""

import numpy as np

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.entropy.rans import SubstreamDecoder
from refdec.errors import ConstraintViolation

QUALITY_MAX = 63
MAP_LANES = 1


@clause("8.7.1")
def decode_quality_map(
    *, decoder: SubstreamDecoder, table: int, h16: int, w16: int, offset: int
) -> I32Map:
    """Decode the quality offsets.

    Parameters
    ----------
    decoder : sub-stream of the SOQ segment, one lane, with the residual's tables.
    table : map_scale_idx.
    offset : byte offset of the sub-stream, for errors.

    Returns
    -------
    (h16, w16), -63 to 63.

    Raises
    ------
    ConstraintViolation
        SOQ-003: an offset leaves that range.
    """
    differences = decoder.decode(np.full(h16 * w16, table)).reshape(h16, w16)
    decoder.finish()
    offsets = integrate(differences.astype(np.int64))
    if np.abs(offsets).max() > QUALITY_MAX:
        message = f"a quality offset is beyond {QUALITY_MAX}"
        raise ConstraintViolation(
            message, requirement="SOQ-003", element="quality_offset", offset=offset
        )
    return offsets.astype(np.int32)


def integrate(differences: np.ndarray) -> np.ndarray:
    """Sum differences: down the first column, then along each row."""
    total = differences.copy()
    total[:, 0] = np.cumsum(total[:, 0])
    return np.cumsum(total, axis=1)


def differentiate(offsets: I32Map) -> I32Map:
    """Inverse of `integrate`, for an encoder."""
    differences = np.diff(offsets, axis=1, prepend=0)
    differences[:, 0] = np.diff(offsets[:, 0], prepend=0)
    return differences


@clause("8.7.2")
def derive_quality(*, quality_idx: int, offsets: I32Map) -> I32Map:
    """Add the offsets (h16, w16) to the picture's quality index; clip to 0 to 63."""
    return np.clip(quality_idx + offsets, 0, QUALITY_MAX).astype(np.int32)
