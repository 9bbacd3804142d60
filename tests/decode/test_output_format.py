# SPDX-License-Identifier: Apache-2.0
"""Sample formats that this edition cannot deliver are refused by name."""

import pytest

from refdec.errors import UnsupportedFeature
from refdec.still import check_output_format
from refdec.syntax.picture_header import PictureHeader


def header(**elements: int) -> PictureHeader:
    plain = {
        "profile_idc": 1,
        "level_idc": 1,
        "model_set_idc": 0,
        "picture_size_bits_minus1": 5,
        "width_minus1": 63,
        "height_minus1": 63,
        "monochrome_flag": 0,
        "default_format_flag": int(not elements),
        "quality_idx": 32,
        "log2_lanes": 0,
        "default_structure_flag": 1,
        "tool_header_flag": 0,
    }
    return PictureHeader(**(plain | elements))


@pytest.mark.parametrize("elements", [{}, {"bit_depth_minus8": 8}, {"matrix_coefficients": 9}])
def test_integer_samples_of_full_range_pass(elements: dict[str, int]) -> None:
    check_output_format(header(**elements))


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("sample_float_flag", 1),
        ("chroma_format_idc", 2),
        ("full_range_flag", 0),
        ("matrix_coefficients", 0),
    ],
)
def test_other_formats_are_refused(element: str, value: int) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        check_output_format(header(**{element: value}))
    assert (caught.value.requirement, caught.value.element) == ("PIH-016", element)
