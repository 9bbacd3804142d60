# SPDX-License-Identifier: Apache-2.0
"""Quality map: coding of the offsets (SOQ segment, clause 11.2)."""

import numpy as np

from refdec.arrays import I32Map
from refdec.entropy.quality_map import differentiate
from refdec.entropy.tables import load_residual_tables
from refdec.syntax.segment import QualityMapSegment
from refenc.rans import encode_substream


def code_quality_map(offsets: I32Map) -> QualityMapSegment:
    """Code quality offsets with the table that makes them smallest."""
    tables, differences = load_residual_tables().tables, differentiate(offsets).ravel()
    payloads = (
        encode_substream([(np.full(differences.size, t), differences)], lanes=1, tables=tables)
        for t in range(0, len(tables.bounds), 8)
    )
    _, scale_idx = min((len(payload), 8 * i) for i, payload in enumerate(payloads))
    calls = [(np.full(differences.size, scale_idx), differences)]
    return QualityMapSegment(
        map_scale_idx=scale_idx,
        reserved_zero_1bit=0,
        payload=encode_substream(calls, lanes=1, tables=tables),
    )
