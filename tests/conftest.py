# SPDX-License-Identifier: Apache-2.0
"""One Hypothesis profile for all tests: the same examples on every machine, no deadline."""

from hypothesis import settings

settings.register_profile("jai", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("jai")
