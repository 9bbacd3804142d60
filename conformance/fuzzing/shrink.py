# SPDX-License-Identifier: Apache-2.0
"""Make a stream small that shows a fault: take bytes away and set bytes to 0, greedily."""

from collections.abc import Callable, Iterator

from conformance.fuzzing.mutation import anatomy, with_crcs, without_bytes

MAX_TRIES = 300
"""Streams that are tried for one finding."""


def shrunk(data: bytes, shows: Callable[[bytes], bool], max_tries: int) -> bytes:
    """Return a stream that is no longer, and shows the same.

    Parameters
    ----------
    shows : whether a stream shows the fault; `data` does.
    max_tries : calls of `shows`.
    """
    tried = {data}
    improved = True
    while improved:
        improved = False
        for candidate in candidates(data):
            if candidate in tried:
                continue
            if len(tried) > max_tries:
                return data
            tried.add(candidate)
            if len(candidate) <= len(data) and shows(candidate):
                data, improved = candidate, True
                break
    return data


def candidates(data: bytes) -> Iterator[bytes]:
    """Yield what is simpler than a stream: large steps first.

    Bytes go from the payload of a segment, its length and CRC made right, or from the stream as
    it is; whole segments go, too.
    """
    size = len(data)
    while size:
        for start in range(0, len(data), size):
            yield from without_bytes(data, start, start + size)
        for start in range(0, len(data), size):
            zeros = bytes(min(size, len(data) - start))
            zeroed = data[:start] + zeros + data[start + size :]
            yield with_crcs(zeroed, anatomy(data).segments)
        size //= 2
