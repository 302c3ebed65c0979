"""Placement: a chip with several engines runs each operator, or a part of it, where it finishes first."""
