# SPDX-License-Identifier: Apache-2.0
"""What the decoding process asks of a model set beyond its networks."""

from dataclasses import replace

import numpy as np
import pytest

from refdec.entropy.context import STEP_MAX, ContextModel
from refdec.entropy.residual import RESIDUAL_MAX
from refdec.errors import ModelError
from refdec.network import get_backend, load_model_set
from refenc.encode import MODEL_SET


@pytest.mark.parametrize("value", [0, STEP_MAX + 1])
def test_a_step_out_of_range_is_refused(value: int) -> None:
    model = load_model_set(MODEL_SET)
    steps = model.tables["step"].copy()
    steps[17, 3] = value
    broken = replace(model, tables={**model.tables, "step": steps})
    with pytest.raises(ModelError, match="steps") as caught:
        ContextModel.compile(
            broken, get_backend("integer"), offsets=np.zeros((80, 2), np.int32), skip_threshold=8
        )
    assert caught.value.requirement == "NET-017"


def test_the_largest_step_and_residual_stay_in_32_bits() -> None:
    largest = 2047 + 32 * RESIDUAL_MAX + 31
    assert largest * STEP_MAX + 128 < 2**31
