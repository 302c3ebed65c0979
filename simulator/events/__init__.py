"""Discrete-event counterparts of closed forms: slow, step by step, and there to check them."""
