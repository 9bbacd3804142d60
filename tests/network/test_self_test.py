# SPDX-License-Identifier: Apache-2.0
"""A backend that is not exact is noticed before it decodes anything."""

from typing import Any

import numpy as np
import pytest

from refdec import codec, decode
from refdec.backends import BACKENDS
from refdec.network import get_backend, self_test
from refdec.network.numpy_backend import NumpyBackend
from refdec.network.self_test import is_exact, trusted_backend
from tests.decode.streams import stream


class Rounding(NumpyBackend):
    """Keeps 11 significant bits of what it multiplies, as TF32 does."""

    def conv(self, prepared: Any, x: Any) -> Any:
        fraction, exponent = np.frexp(x)
        rounded = np.ldexp(np.round(fraction * 2048) / 2048, exponent)
        return super().conv(prepared, rounded.astype(np.float32))


class OffByOne(NumpyBackend):
    """Makes one error of one unit in one convolution in a thousand values."""

    def conv(self, prepared: Any, x: Any) -> Any:
        result = super().conv(prepared, x)
        result.reshape(-1)[1234] += 1
        return result


INSTALLED = [name for name, engine in BACKENDS.items() if engine.is_installed and name != "cuda"]


@pytest.mark.parametrize("name", INSTALLED)
def test_every_backend_passes_and_is_used(name: str, recwarn: pytest.WarningsRecorder) -> None:
    assert is_exact(get_backend(name))
    assert trusted_backend(name, 1).name == name
    assert not recwarn.list


@pytest.mark.parametrize("kind", [Rounding, OffByOne])
def test_a_backend_that_is_not_exact_is_replaced(
    kind: type[NumpyBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_exact(kind(1))
    make = {"torch": kind, "numpy": NumpyBackend}
    monkeypatch.setattr(self_test, "get_backend", lambda name, threads=None: (
        make[name](threads) if name in make else get_backend(name)
    ))  # fmt: skip
    with pytest.warns(RuntimeWarning, match="torch is not exact on this machine; numpy is used"):
        backend = trusted_backend("torch")
    assert type(backend) is NumpyBackend
    make["numpy"] = kind
    with pytest.warns(RuntimeWarning, match="numpy is not exact .* integer is used"):
        assert trusted_backend("numpy").name == "integer"


def test_decoding_uses_the_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    data, used = stream("grey"), []
    expected = decode(data).samples
    monkeypatch.setattr(self_test, "is_exact", lambda backend: used.append(backend.name))
    codec.get_codec.cache_clear()
    with pytest.warns(RuntimeWarning):
        np.testing.assert_array_equal(decode(data, backend="numpy").samples, expected)
    codec.get_codec.cache_clear()
    assert used == ["numpy"]


def test_the_sums_come_close_to_the_bound_without_being_clipped() -> None:
    seen = []

    class Seeing(NumpyBackend):
        def conv(self, prepared: Any, x: Any) -> Any:
            seen.append(super().conv(prepared, x))
            return seen[-1]

    assert is_exact(Seeing(1))
    for result in seen:
        assert 2**22 < np.abs(result).max() < 2**23 - 1
