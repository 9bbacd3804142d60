# SPDX-License-Identifier: Apache-2.0
"""Reports: one JSON document, and every other form as a function of it."""

from collections.abc import Callable

from conformance.reports.document import Document, document_text
from conformance.reports.html import badge_text, html_text
from conformance.reports.junit import junit_text
from conformance.reports.text import csv_text, markdown_text

FORMS: dict[str, Callable[[Document], str]] = {
    "json": document_text,
    "junit": junit_text,
    "csv": csv_text,
    "markdown": markdown_text,
    "html": html_text,
    "badge": badge_text,
}
"""The text of a report, by the name of the option that asks for it."""
