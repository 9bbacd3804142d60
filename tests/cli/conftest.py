# SPDX-License-Identifier: Apache-2.0
"""Small streams, encoded once, that the command line is tried on."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from refenc.encode import encode

HEIGHT, WIDTH = 21, 38


def gradient(components: int) -> NDArray[np.uint8]:
    """Make a smooth picture (C, H, W)."""
    rows, columns = np.arange(HEIGHT)[:, np.newaxis], np.arange(WIDTH)
    planes = [6 * columns + rows, 9 * rows + columns, 255 - 6 * columns - rows]
    return np.stack([np.clip(plane, 0, 255) for plane in planes[:components]]).astype(np.uint8)


@pytest.fixture(scope="session")
def hashed_data() -> bytes:
    """Encode an RGB picture with hashes."""
    return encode(gradient(3), quality=40, hashes=True)


@pytest.fixture(scope="session")
def grey_data() -> bytes:
    """Encode a grey picture without hashes."""
    return encode(gradient(1), quality=40)


@pytest.fixture
def hashed(tmp_path: Path, hashed_data: bytes) -> Path:
    """Write the RGB stream."""
    path = tmp_path / "hashed.jai"
    path.write_bytes(hashed_data)
    return path


@pytest.fixture
def grey(tmp_path: Path, grey_data: bytes) -> Path:
    """Write the grey stream."""
    path = tmp_path / "grey.jai"
    path.write_bytes(grey_data)
    return path
