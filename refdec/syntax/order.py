# SPDX-License-Identifier: Apache-2.0
"""The order of the segments."""

from collections.abc import Mapping
from dataclasses import dataclass

from refdec.errors import MalformedStream
from refdec.syntax.framing import Segment
from refdec.syntax.segment import Marker


@dataclass(frozen=True)
class Slot:
    """A place in the order of the segments."""

    marker: Marker
    required: bool = False
    repeated: bool = False
    of: str = ""
    """``"base"`` or ``"animation"``: absent without a lossy picture, absent in stills."""


SEGMENT_ORDER = (
    Slot(Marker.SOC, required=True),
    Slot(Marker.PIH, required=True),
    Slot(Marker.TOH),
    Slot(Marker.ANI),
    Slot(Marker.MTD, repeated=True),
    Slot(Marker.FRH, required=True, of="animation"),
    Slot(Marker.SOQ, of="base"),
    Slot(Marker.SOZ, required=True, of="base"),
    Slot(Marker.SOR, repeated=True, of="base"),
    Slot(Marker.SOA, repeated=True),
    Slot(Marker.SOE, repeated=True),
    Slot(Marker.MTD, repeated=True),
    Slot(Marker.DPH),
    Slot(Marker.EOC, required=True),
)
"""Reserved segments may stand anywhere between PIH and EOC; frames repeat FRH to DPH."""
FIRST_OF_PICTURE = next(i for i, slot in enumerate(SEGMENT_ORDER) if slot.marker == Marker.FRH)
"""Where the segments of a picture, or of one frame, begin."""
_ABSENT = {
    "base": ("a stream without a lossy picture", "SOE-004"),
    "animation": ("a stream without ANI", "FRH-001"),
}
"""By `Slot.of`: where the segment stands although it shall not, and the requirement."""


def structure_error(message: str, requirement: str, segment: Segment) -> MalformedStream:
    """Blame the marker of a segment."""
    return MalformedStream(
        message, requirement=requirement, element="marker", offset=segment.offset
    )


def next_slot(segment: Segment, *, slot: int, present: Mapping[str, object], seen: bool) -> int:
    """Return the slot after a segment, from the slot before it.

    Parameters
    ----------
    present : by `Slot.of`, whether such segments occur in the stream.
    seen : whether a segment of this kind came before.

    Raises
    ------
    MalformedStream
        The segment does not stand where it belongs: SEG-005, SEG-006, SEG-007, SOE-004, FRH-001.
    """
    missing = SEGMENT_ORDER[slot]
    for index in range(slot, len(SEGMENT_ORDER)):
        missing = SEGMENT_ORDER[index]
        if missing.marker == segment.marker:
            if present[missing.of]:
                return index if missing.repeated else index + 1
            where, requirement = _ABSENT[missing.of]
            message = f"{segment.name} stands in {where}"
            raise structure_error(message, requirement, segment)
        if missing.required and present[missing.of]:
            break
    earlier = [other for other in SEGMENT_ORDER[:slot] if other.marker == segment.marker]
    if not earlier:
        message = f"{missing.marker.name} is missing before {segment.name}"
        raise structure_error(message, "SEG-007", segment)
    if seen and not any(other.repeated for other in earlier):
        message = f"second {segment.name} segment"
        raise structure_error(message, "SEG-006", segment)
    message = f"{segment.name} is out of order"
    raise structure_error(message, "SEG-005", segment)
