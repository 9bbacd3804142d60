# SPDX-License-Identifier: Apache-2.0
"""Fuzz decoders: make streams, judge them by the reference decoder, make what is found small."""
