# SPDX-License-Identifier: Apache-2.0
"""Programs that the guides show; the tests run them."""
