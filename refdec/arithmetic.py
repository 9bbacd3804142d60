# SPDX-License-Identifier: Apache-2.0
"""Integer functions of the conventions clause that every room uses."""


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide and round up; `divisor` at least 1."""
    return -(-dividend // divisor)
