# SPDX-License-Identifier: Apache-2.0
"""Reconstruction: latent to picture samples."""
