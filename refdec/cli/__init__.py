# SPDX-License-Identifier: Apache-2.0
"""The command line ``refdec`` and its files; the decoder itself needs nothing of it."""
