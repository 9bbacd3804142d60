# SPDX-License-Identifier: Apache-2.0
"""Block transforms: every latent position says in which basis its luma latents are coded.

An edge that crosses a smooth block needs fewer coefficients in a basis of parts of the block than
in that of the synthesis transform. The index of each position is coded before the residuals of its
tile, the context networks are told, and after the last group the latents are turned back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refdec.arrays import I16Map, I32Map, I64Map
from refdec.clause import clause
from refdec.entropy.tables import NUM_SCALES, FrequencyTables
from refdec.errors import ModelError
from refdec.network import Backend, CompiledNetwork, ModelSet, run_network

LATENT_MAX = 4095
MATRIX_SHIFT = 14
"""An entry of 2**14 is one."""
MATRIX_SUM_MAX = 1 << 19
"""Largest sum of magnitudes of a column: times LATENT_MAX it stays below 2**31."""
INDICATOR_ONE = 16
"""What the context networks see where an index is that of a plane."""
TABLE_OFFSET = 512
"""Added to the output of `head_transform` (1/32 tables), so that 0 is the middle."""
TABLE_SHIFT = 5


def _indicator_channels(model: ModelSet) -> Iterator[int]:
    """Channels of every input that takes the indicators."""
    for network in model.networks.values():
        yield from (i.channels for i in network.description.inputs if i.name == "transform")


@dataclass(frozen=True, kw_only=True)
class BlockTransforms:
    """The block transforms of a model set, and what codes their indices."""

    backend: Backend
    head: CompiledNetwork
    update: CompiledNetwork
    tables: FrequencyTables
    """T tables of the K indices; index k is the value k - (K - 1) / 2."""
    matrices: I16Map
    """(K - 1, n, n): rows are the basis functions of transform 1 and on, 1 / 2**14."""
    channels: I64Map
    """(n,): the latent channels that they replace."""

    @classmethod
    def compile(cls, model: ModelSet, backend: Backend) -> "BlockTransforms":
        """Prepare the networks and tables of `model`.

        Raises
        ------
        ModelError
            NET-018: the matrices' shape, sums or channels are out of range.
            ENT-001: a frequency table is malformed.
        """
        matrices = model.tables["transform_matrices"]
        channels = model.tables["transform_channels"].astype(np.int64)
        frequencies = model.tables["transform_frequencies"]
        num, size = len(matrices) + 1, channels.size
        sums = np.abs(matrices.astype(np.int64)).sum(axis=1)
        whole = (
            matrices.shape[1:] == (size, size)
            and frequencies.shape[1:] == (num + 1,)
            and num % 2 == 1
            and size == np.unique(channels).size
            and 0 <= channels.min() <= channels.max() < sum(model.metadata["groups"])
            and not model.tables["component"][channels].any()
            and all(count == num for count in _indicator_channels(model))
            and int(sums.max(initial=0)) <= MATRIX_SUM_MAX
        )
        if not whole:
            message = "shapes, channels or sums of the block transforms are out of range"
            raise ModelError(message, requirement="NET-018", element="transform_matrices")
        return cls(
            backend=backend,
            head=backend.compile(model.networks["head_transform"]),
            update=backend.compile(model.networks["update_transform"]),
            tables=FrequencyTables.from_padded(
                np.full(len(frequencies), num // 2, np.int32), frequencies
            ),
            matrices=matrices,
            channels=channels,
        )

    @property
    def num_transforms(self) -> int:
        """K; transform 0 changes nothing."""
        return len(self.matrices) + 1

    @clause("8.4.5")
    def index_tables(self, *, state: Any, quality: I32Map) -> I32Map:
        """Choose the table, 0 to T - 1, that codes the index of each position; (h * w,)."""
        out = run_network(self.head, {"state": state}, quality)["scale"]
        scale = self.backend.to_numpy(out).ravel()
        last = len(self.tables.bounds) - 1
        tables: I32Map = np.clip((scale + TABLE_OFFSET) >> TABLE_SHIFT, 0, last)
        return tables

    def call(self, tables: I32Map, indices: I32Map) -> tuple[I32Map, I32Map]:
        """Return tables of a residual segment (n,), and the values (n,) that stand for indices."""
        return NUM_SCALES + tables, indices - self.num_transforms // 2

    def indicators(self, transform: I32Map) -> Any:
        """Return K planes (K, h, w), a backend's tensor: one where the index (h, w) is theirs."""
        planes = transform == np.arange(self.num_transforms)[:, None, None]
        return self.backend.from_numpy(INDICATOR_ONE * planes.astype(np.int32))

    @clause("8.4.7")
    def inverse(self, *, y_hat: I32Map, transform: I32Map) -> I32Map:
        """Turn latents (C, h, w), 1/2 units, from the bases of indices (h, w) to that of index 0.

        A sum stays below 2**31, so that float64 holds it exactly, whatever the order of its terms.
        """
        flat, indices = y_hat.reshape(len(y_hat), -1).copy(), transform.ravel()
        for index in np.unique(indices[indices > 0]):
            at = np.ix_(self.channels, np.flatnonzero(indices == index))
            matrix = self.matrices[index - 1].astype(np.float64)
            sums = (matrix.T @ flat[at].astype(np.float64)).astype(np.int64)
            rounded = (sums + (1 << (MATRIX_SHIFT - 1))) >> MATRIX_SHIFT
            flat[at] = np.clip(rounded, -LATENT_MAX, LATENT_MAX)
        return flat.reshape(y_hat.shape)
