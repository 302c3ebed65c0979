"""Equal layers of an unrolled graph, counted instead of copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from workloads.graph import Node
from workloads.operator import Operator


def collapsed(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes with runs of equal blocks folded into the first of them, whose operators then run as often as there are blocks.

    Blocks are equal where their operators are, name aside, one by one and in order.
    """
    kinds: dict[object, int] = {}
    letters = np.array([kinds.setdefault((repr(nameless(n.operator)), str(n.count)), len(kinds)) for n in nodes])
    result: list[Node] = []
    stands_for: dict[str, str] = {}
    place = 0
    while place < len(nodes):
        period, times = _repeat(letters, place)
        for offset in range(period):
            node = nodes[place + offset]
            result.append(replace(node, count=node.count * times))
            for copy in range(1, times):
                stands_for[nodes[place + offset + copy * period].operator.name] = node.operator.name
        place += period * times
    return _reconnected(result, stands_for)


def nameless(operator: Operator) -> Operator:
    """An operator, and those fused into it, without names."""
    inner = {
        f.name: tuple(nameless(o) for o in value)
        for f in fields(operator)
        if isinstance(value := getattr(operator, f.name), tuple) and value and isinstance(value[0], Operator)
    }
    return replace(operator, name="", **inner)


def _repeat(letters: np.ndarray[tuple[int], np.dtype[np.int_]], place: int) -> tuple[int, int]:
    """The block that starts here and repeats so that most is covered: its length, and how often it comes."""
    best, covered = (1, 1), 1
    rest = letters[place:]
    for period in range(1, len(rest) // 2 + 1):
        if rest[period] != rest[0]:
            continue
        equal = rest[period:] == rest[:-period]
        run = int(np.argmin(equal)) if not equal.all() else len(equal)
        times = run // period + 1
        if times > 1 and times * period > covered:
            best, covered = (period, times), times * period
    return best


def _reconnected(nodes: list[Node], stands_for: dict[str, str]) -> tuple[Node, ...]:
    """The nodes with edges to the blocks that are left; edges from a block's end to its own next copy are gone."""
    before: set[str] = set()
    result = []
    for node in nodes:
        after = tuple(dict.fromkeys(stands_for.get(a, a) for a in node.after))
        result.append(replace(node, after=tuple(a for a in after if a in before)))
        before.add(node.operator.name)
    return tuple(result)
