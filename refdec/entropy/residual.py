# SPDX-License-Identifier: Apache-2.0
"""Block transforms and residuals of a tile from its sub-streams, one per layer."""

from collections.abc import Sequence

import numpy as np

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.entropy.context import Step
from refdec.entropy.rans import SubstreamDecoder
from refdec.entropy.tables import NUM_SCALES
from refdec.errors import ConstraintViolation

RESIDUAL_MAX = 8191


class LayeredSubstreams:
    """Source of a tile in the decoder: asks the sub-stream of the layer that holds the group.

    Parameters
    ----------
    layers : channel groups of each layer; only the first ``len(decoders)`` are at hand.
    decoders : one per layer, each at `offsets` in the stream; their tables are those of the
        residual, then those of the block transforms.
    num_transforms : block transforms of the model set.
    """

    def __init__(
        self,
        layers: Sequence[range],
        decoders: Sequence[SubstreamDecoder],
        offsets: Sequence[int],
        num_transforms: int,
    ) -> None:
        self._num_transforms = num_transforms
        self._by_group = {
            group: (decoder, offset)
            for groups, decoder, offset in zip(layers, decoders, offsets, strict=False)
            for group in groups
        }
        self._last = {(groups[-1], 1) for groups in layers}

    @clause("8.4.6")
    def transform_idx(self, tables: I32Map) -> I32Map:
        """Decode the block transform of each position, in the first sub-stream.

        Raises
        ------
        CodestreamError
            The sub-stream is malformed, or there is no such block transform (SOR-006).
        """
        decoder, offset = self._by_group[0]
        index = decoder.decode(NUM_SCALES + tables) + self._num_transforms // 2
        if ((index < 0) | (index >= self._num_transforms)).any():
            message = f"a block transform is none of the {self._num_transforms}"
            raise ConstraintViolation(
                message, requirement="SOR-006", element="transform_idx", offset=offset
            )
        return index

    @clause("8.4.1")
    def residual(self, step: Step) -> I32Map:
        """Decode the residuals of one group and phase; finish the sub-stream after its last.

        Raises
        ------
        CodestreamError
            The sub-stream is malformed, or a residual is beyond 8191 (SOR-005).
        """
        decoder, offset = self._by_group[step.group]
        residual = decoder.decode(step.tables)
        if residual.size and np.abs(residual).max() > RESIDUAL_MAX:
            message = f"a residual is beyond {RESIDUAL_MAX}"
            raise ConstraintViolation(
                message, requirement="SOR-005", element="residual", offset=offset
            )
        if (step.group, step.phase) in self._last:
            decoder.finish()
        return residual
