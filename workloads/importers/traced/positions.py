"""Rotary positions and the writing of caches: spelled out in a graph, one kernel where models are served."""

from __future__ import annotations

from dataclasses import replace

from workloads.importers.traced.trace import Step, Tensor, Trace
from workloads.importers.traced.web import Web, replaced, web_of

ROTARY_FLOP = 3.0  # two products and a sum, as the built-in families count


def recognise_rotary(trace: Trace) -> Trace:
    """``x * cos + rotate_half(x) * sin`` as one step."""
    web, gone, new = web_of(trace), set[str](), dict[str, Step]()
    for step in trace.steps:
        if step.kind == "pointwise" and step.label == "add" and len(step.inputs) == 2 and (match := _rotary(web, step)) is not None:
            steps, inputs = match
            gone.update(s.name for s in steps)
            new[step.name] = replace(step, inputs=inputs, label="rotary", sizes={"flop": ROTARY_FLOP})
    return replaced(trace, gone, new)


def _rotary(web: Web, total: Step) -> tuple[list[Step], tuple[str, ...]] | None:
    products = [web.made_by(i, "pointwise", "mul") for i in total.inputs]
    for straight, turned in (products, products[::-1]):
        if straight is None or turned is None:
            return None
        halves = next((s for i in turned.inputs if (s := web.made_by(i, "concat")) is not None), None)
        if halves is None or len(halves.inputs) != 2:
            continue
        minus = web.made_by(halves.inputs[0], "pointwise", "neg")
        source = None if minus is None else web.behind_views(minus.inputs[0])
        x = next((i for i in straight.inputs if web.behind_views(i) == source), None)
        if minus is None or x is None or web.behind_views(halves.inputs[1]) != source:
            continue
        inner = [straight, turned, halves, minus]
        if all(web.only_reader(s.output) is not None for s in inner):
            tables = [i for s, own in ((straight, x), (turned, halves.output)) for i in s.inputs if i != own]
            return inner, (x, *tables)
    return None


def mark_caches(trace: Trace) -> Trace:
    """Keys and values that come from a cache, or leave the graph for one: what makes them writes there, in place."""
    for step in [s for s in trace.steps if s.kind == "attention"]:
        for place in (1, 2):
            trace = _cached(trace, step.name, place)
    return trace


def _cached(trace: Trace, name: str, place: int) -> Trace:
    """The trace with one operand of an attention step written to a cache, if it is kept."""
    web = web_of(trace)
    attention = next(s for s in trace.steps if s.name == name)
    root = web.behind_views(attention.inputs[place])
    maker = web.maker.get(root)
    new: dict[str, Step] = {}
    if maker is not None and maker.kind == "concat" and (past := [i for i in maker.inputs if web.behind_views(i) in trace.inputs]):
        fresh = [i for i in maker.inputs if i not in past]
        new[maker.name] = replace(maker, kind="pointwise", label="cache_write", inputs=tuple(fresh), sizes={"flop": 0.0, "cached": 1.0})
    elif maker is not None and any(web.leaves(made) for made in maker.outputs if made == root):
        if maker.kind == "pointwise":
            new[maker.name] = replace(maker, sizes={**maker.sizes, "cached": 1.0})
        else:
            return _written(trace, attention, root)
    else:
        return trace
    new[name] = replace(attention, sizes={**attention.sizes, "cached": 1.0})
    return replaced(trace, (), new)


def _written(trace: Trace, attention: Step, root: str) -> Trace:
    """The trace with a kernel that copies a tensor to the cache."""
    made = f"{root}_cached"
    if made in trace.tensors:
        return trace
    write = Step(f"{attention.name}_cache_write_{root}", "pointwise", (root,), (made,), {"flop": 0.0, "cached": 1.0}, "cache_write", attention.count)
    marked = replace(attention, inputs=(*attention.inputs, made), sizes={**attention.sizes, "cached": 1.0})
    steps: list[Step] = []
    for step in trace.steps:
        steps += [write, marked] if step is attention else [step]
    source = trace.tensors[root]
    tensor = Tensor(made, source.shape, source.element)
    return replace(trace, steps=tuple(steps), tensors={**trace.tensors, made: tensor})
