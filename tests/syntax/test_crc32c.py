# SPDX-License-Identifier: Apache-2.0

import pytest

from refdec.syntax.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),  # RFC 3720, B.4
        (bytes(range(32)), 0x46DD794E),  # RFC 3720, B.4
    ],
)
def test_known_answers(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc
