"""Products of one tensor with several weights: one product, as serving stacks and compilers run them (queries, keys and values; gate and up)."""

from __future__ import annotations

from dataclasses import replace

from workloads.importers.traced.trace import Step, Trace
from workloads.importers.traced.web import replaced, web_of


def merge_siblings(trace: Trace) -> Trace:
    """The trace with products that share their first operand, and have weights of one format as their second, side by side in one."""
    web = web_of(trace)
    families: dict[tuple[object, ...], list[Step]] = {}
    for step in trace.steps:
        if step.kind == "contraction" and step.sizes["batch"] == 1.0 and web.constant(step.inputs[1]):
            sizes, weight = step.sizes, web.tensor(step.inputs[1])
            key = (web.behind_views(step.inputs[0]), sizes["m"], sizes["k"], weight.stored, weight.in_memory, step.count)
            families.setdefault(key, []).append(step)
    gone: set[str] = set()
    new: dict[str, Step] = {}
    for family in families.values():
        if len(family) > 1:
            gone.update(s.name for s in family[1:])
            new[family[0].name] = _merged(family)
    return replaced(trace, gone, new)


def _merged(family: list[Step]) -> Step:
    first = family[0]
    weights = [s.inputs[1] for s in family]
    biases = [i for s in family for i in s.inputs[2:]]
    outputs = tuple(o for s in family for o in s.outputs)
    sizes = {**first.sizes, "n": sum(s.sizes["n"] for s in family), "weights": float(len(weights))}
    return replace(first, inputs=(first.inputs[0], *weights, *biases), outputs=outputs, sizes=sizes, label="side by side")
