# SPDX-License-Identifier: Apache-2.0
"""Codestream syntax: bytes to typed values and back, and every view of the declarations."""
