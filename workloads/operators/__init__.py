"""Operators, one kind a file; `workloads.operator` has all of their names."""
