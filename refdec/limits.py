# SPDX-License-Identifier: Apache-2.0
"""The caller's budget, checked from the headers before anything is allocated."""

from dataclasses import dataclass

from refdec.errors import LimitExceeded


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a caller is ready to decode."""

    max_pixels: int = 1 << 28
    """Luma samples."""
    max_level: int = 6

    def check(self, *, pixels: int, level: int) -> None:
        """Refuse a picture beyond the budget.

        Raises
        ------
        LimitExceeded
            More pixels or a higher level than allowed.
        """
        if pixels > self.max_pixels:
            message = f"the picture has {pixels} samples, the caller allows {self.max_pixels}"
            raise LimitExceeded(message, element="width_minus1")
        if level > self.max_level:
            message = f"the picture is of level {level}, the caller allows {self.max_level}"
            raise LimitExceeded(message, element="level_idc")
