# SPDX-License-Identifier: Apache-2.0
"""Colour matrices that R, G, B cannot be made with are refused; all other formats are decoded."""

import pytest

from refdec.errors import UnsupportedFeature
from refdec.still import check_output_format
from refdec.syntax.picture_header import PictureHeader


def header(**elements: int) -> PictureHeader:
    plain = {
        "profile_idc": 1,
        "level_idc": 1,
        "model_set_idc": 3,
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


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"bit_depth_minus8": 8, "sample_float_flag": 1},
        {"matrix_coefficients": 9, "full_range_flag": 0},
        {"matrix_coefficients": 17},
        {"matrix_coefficients": 14, "ycc_flag": 1, "chroma_format_idc": 2},
        {"matrix_coefficients": 2, "monochrome_flag": 1},
    ],
)
def test_what_can_be_decoded_passes(elements: dict[str, int]) -> None:
    check_output_format(header(**elements))


@pytest.mark.parametrize("matrix", [2, 10, 11, 12, 13, 14, 15])
def test_unknown_matrices_of_rgb_are_refused(matrix: int) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        check_output_format(header(matrix_coefficients=matrix))
    error = caught.value
    assert (error.requirement, error.element) == ("PIH-016", "matrix_coefficients")
