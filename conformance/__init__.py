# SPDX-License-Identifier: Apache-2.0
"""The conformance suite of JAI: streams with what a decoder shall make of them, and the judge."""

from pathlib import Path

SUITE_VERSION = "0.5.0"
"""MAJOR: format of the manifests; MINOR: cases added or removed; PATCH: a case corrected."""
EDITION = "draft"
"""Edition of the specification that the suite tests."""
ROOT = Path(__file__).resolve().parent
STREAMS = ROOT / "streams"
