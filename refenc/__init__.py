# SPDX-License-Identifier: Apache-2.0
"""The informative encoder: pictures to JAI codestreams."""
