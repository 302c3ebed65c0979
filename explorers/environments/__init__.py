"""Faces of a design space for learners: one agent (gymnasium), several (pettingzoo), many environments at once."""
