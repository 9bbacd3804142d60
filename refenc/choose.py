# SPDX-License-Identifier: Apache-2.0
"""Choose between lossy, near-lossless and lossless coding of one picture.

A lossy transform spends many bits on sharp synthetic edges: screenshots, text and drawings are
often smaller, and better, when they are coded without loss.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refdec.decoding import decode
from refdec.picture import Picture
from refenc.colour import Samples, as_picture
from refenc.encode import THOROUGH
from refenc.lossless import MATCH_SHARE, repeated_share

LARGEST_ERRORS = (0, 1, 2)
"""max_error of the exact codings that are tried, best first."""
HOPELESS = 2.0
"""An exact coding so many times too large is not followed by one with a larger error."""


LEAST_BITS = 4.0
"""Of a pixel that equals neither neighbour, within any of these errors: 5 to 16 were measured."""


class Exact(NamedTuple):
    """A picture coded within a largest error."""

    data: bytes
    max_error: int


def may_fit(samples: Samples, limit: float) -> bool:
    """Tell whether an exact coding may be as small as `limit` bytes.

    Many neighbouring pixels shall be equal, as on screens and hardly in photographs, and the others
    few enough.
    """
    picture = as_picture(samples)
    repeated = repeated_share(picture.samples.astype(np.int32))
    least_bytes = (1 - repeated) * picture.width * picture.height * LEAST_BITS / 8
    return repeated > MATCH_SHARE and least_bytes <= limit


def mean_squared_error(picture: Picture, source: Picture) -> float:
    """Return the mean over all samples of all planes."""
    pairs = zip(picture.planes, source.planes, strict=True)
    squares = [np.square(a.astype(np.float64) - b).ravel() for a, b in pairs]
    return float(np.concatenate(squares).mean())


def exact_instead(
    lossy: bytes,
    samples: Samples,
    *,
    limit: int,
    effort: int,
    encode_within: Callable[[int], bytes],
) -> Exact | None:
    """Return an exact coding that is no larger than allowed and no worse than the lossy one.

    Parameters
    ----------
    lossy : what the lossy coder made.
    limit : bytes that an exact coding may take.
    effort : from 1 on pictures are tried that `may_fit`, at 2 all.
    encode_within : codes the picture with a largest error.
    """
    if effort == 0 or not (effort >= THOROUGH or may_fit(samples, limit)):
        return None
    source, lossy_error = as_picture(samples), None
    for max_error in LARGEST_ERRORS:
        data = encode_within(max_error)
        if len(data) > HOPELESS * limit:
            return None
        if len(data) > limit:
            continue
        if max_error:
            lossy_error = lossy_error or mean_squared_error(decode(lossy), source)
            if mean_squared_error(decode(data), source) > lossy_error:
                return None
        return Exact(data, max_error)
    return None
