# SPDX-License-Identifier: Apache-2.0
"""Tools that build the documents from the code, and check one against the other."""
