# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx, for the site and for the specification on one page."""

import re

from sphinx.application import Sphinx

from refdec import __version__

project = "JAI"
author = "the JAI authors"
copyright = "the JAI authors, Apache-2.0"  # noqa: A001
version = release = __version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"(numpy|np|NDArray|collections|pathlib)\b.*"),
    ("py:class", r"refdec\.syntax\..*"),
]
"""Types of libraries whose inventories would need a network; structures, which clause 6 has."""

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "deflist"]
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"JAI {__version__}"
html_static_path = ["style/site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Read ``name : description`` in parameter lists as napoleon does ``name`` and an indent."""
    app.connect("autodoc-process-docstring", _split_parameters, priority=400)


def _split_parameters(*arguments: object) -> None:
    lines = arguments[-1]
    assert isinstance(lines, list)  # noqa: S101
    text = re.sub(
        r"(?<=Parameters\n----------\n)(?:.+\n?)+",
        lambda section: re.sub(r"(?m)^(\w[\w, ]*) : ", r"\1\n    ", section[0]),
        "\n".join(lines),
    )
    lines[:] = text.splitlines()
