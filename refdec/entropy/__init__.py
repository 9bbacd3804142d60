# SPDX-License-Identifier: Apache-2.0
"""Everything that parsing depends on: coder, tables, hyper-latent, contexts, residual."""
