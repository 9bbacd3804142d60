# SPDX-License-Identifier: Apache-2.0
"""Proof that the suite bites: faults in the reference decoder, judged by the golden suite alone."""
