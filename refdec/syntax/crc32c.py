# SPDX-License-Identifier: Apache-2.0
"""CRC-32C (Castagnoli), the optional check at the end of a segment."""

_POLYNOMIAL = 0x82F63B78
"""Reflected 0x1EDC6F41."""


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_table_entry(byte) for byte in range(256))


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of `data`: initial value and final XOR 0xFFFFFFFF, reflected."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
