# SPDX-License-Identifier: Apache-2.0
"""Lossless and near-lossless samples: adaptive prediction in waves, coded by the same lanes."""
