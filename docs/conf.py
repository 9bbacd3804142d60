# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx, for the site and for the specification on one page."""

from sphinx.application import Sphinx

from refdec import __version__

project = "JAI"
author = "the JAI authors"
copyright = "the JAI authors, Apache-2.0"  # noqa: A001
version = release = __version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"(numpy|np|NDArray|collections|fractions|pathlib)\b.*"),
    ("py:class", r"refdec\.syntax\..*"),
]
"""Types of libraries whose inventories would need a network; structures, which clause 6 has."""

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "deflist"]
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"

html_theme = "furo"
html_title = f"JAI {__version__}"
html_static_path = ["style/site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Read the sections of docstrings as the project writes them."""
    app.connect("autodoc-process-docstring", _read_sections)


_FIELDS = {"Parameters": ":param", "Raises": ":raises", "Returns": ":returns:"}


def _read_sections(*arguments: object) -> None:
    """Turn ``name : text`` under Parameters, and Raises and Returns, into field lists."""
    lines = arguments[-1]
    assert isinstance(lines, list)  # noqa: S101
    section, found = "", []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line in _FIELDS and following.startswith("---"):
            section = line
            found += [":returns:"] if section == "Returns" else []
        elif not section:
            found.append(line)
        elif not line.startswith("---") and line.strip():
            is_item = not line.startswith(" ") and section != "Returns"
            name, _, text = line.partition(" : ")
            found.append(f"{_FIELDS[section]} {name}: {text}" if is_item else f"    {line}")
    lines[:] = [*found, ""]
