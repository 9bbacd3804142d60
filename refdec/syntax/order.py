# SPDX-License-Identifier: Apache-2.0
"""The order of the segments."""

from dataclasses import dataclass

from refdec.syntax.segment import Marker


@dataclass(frozen=True)
class Slot:
    """A place in the order of the segments."""

    marker: Marker
    required: bool = False
    repeated: bool = False
    of_base: bool = False
    """Whether the segment belongs to the lossy picture and is absent without one."""


SEGMENT_ORDER = (
    Slot(Marker.SOC, required=True),
    Slot(Marker.PIH, required=True),
    Slot(Marker.TOH),
    Slot(Marker.MTD, repeated=True),
    Slot(Marker.SOQ, of_base=True),
    Slot(Marker.SOZ, required=True, of_base=True),
    Slot(Marker.SOR, repeated=True, of_base=True),
    Slot(Marker.SOE, repeated=True),
    Slot(Marker.MTD, repeated=True),
    Slot(Marker.DPH),
    Slot(Marker.EOC, required=True),
)
"""Reserved segments may stand anywhere between PIH and EOC."""
