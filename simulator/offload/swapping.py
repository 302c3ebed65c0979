"""Contexts that take turns in a device's memory: how many fit at once, and what changing from one to another takes.

Fu, Challenges in Deploying Long-Context Transformers: A Theoretical Peak Performance Analysis, arXiv 2405.08944: concurrency is the room beside the
weights over one context's keys and values; to change users, one context goes out to the host and another comes in.
"""

from __future__ import annotations

from magnitudes.arrays import Real, floor, maximum


def contexts(capacity_byte: Real, weight_byte: Real, context_byte: Real, reserved_byte: Real = 0.0) -> Real:
    """Whole contexts whose keys and values find room beside the weights; none where the weights alone do not fit."""
    return floor(maximum(capacity_byte - weight_byte - reserved_byte, 0.0) / context_byte)


def swap_s(context_byte: Real, link_byte_per_s: Real, *, duplex: bool = False) -> Real:
    """Time to bring one context in and another out [s].

    Parameters
    ----------
    link_byte_per_s : Real
        To the host, one direction.
    duplex : bool
        Whether both go at the same time.
    """
    return (1.0 if duplex else 2.0) * context_byte / link_byte_per_s


def turns_s(users: Real, resident: Real, context_byte: Real, link_byte_per_s: Real, *, duplex: bool = False) -> Real:
    """Time that swapping adds to a round in which each of `users` is served once, the longest unused leaving first [s].

    In a round of more users than fit, each finds its context gone.
    """
    over = maximum(users - resident, 0.0)
    return over / maximum(over, 1.0) * users * swap_s(context_byte, link_byte_per_s, duplex=duplex)
