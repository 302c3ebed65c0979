"""Attention that a graph spells out as product, scale, mask, softmax and product: recognised, and made one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workloads.importers.traced.masks import Pattern, pattern_of, seen_by, shifts
from workloads.importers.traced.trace import Step, Trace
from workloads.importers.traced.web import VIEWS, Web, replaced, web_of


@dataclass
class _Region:
    """The steps between the two products, and the masks that are read on the way."""

    web: Web
    elements: float
    steps: list[Step] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    biases: list[str] = field(default_factory=list)  # those of them that shift what they let through
    seen: Any = True  # where scores get through, as far as the masks are known
    known: bool = True

    def note_mask(self, step: Step, scores: str) -> None:
        """A pointwise step on the scores: what its other inputs hide."""
        for name in step.inputs:
            tensor = self.web.tensor(name)
            if name == scores or tensor.elements <= 1.0:
                continue
            self.masks.append(name)
            value = None if (elements := tensor.known()) is None else np.asarray(elements)
            if value is None:
                self.known = False
            elif step.label == "add":
                through = seen_by(value, tensor.element)
                self.seen = self.seen & through
                self.biases += [name] if shifts(value, through, tensor.element) else []
            elif step.label == "where" and name == step.inputs[0]:
                self.seen = self.seen & (value if step.inputs[1] == scores else ~value)


def recognise_attention(trace: Trace, known: Mapping[str, Pattern]) -> Trace:
    """The trace with spelled-out attention as one step each, and with the masks of all attention read.

    Parameters
    ----------
    trace : Trace
    known : mapping of str to Pattern
        What masks that are too large to be computed let through, by the attention's name.
    """
    web = web_of(trace)
    gone: set[str] = set()
    new: dict[str, Step] = {}
    for step in trace.steps:
        if step.kind == "softmax" and (match := _attention(web, step, known)) is not None:
            region, attention = match
            gone.update(s.name for s in region)
            new[attention.name] = attention
    return _with_patterns(replaced(trace, gone, new), known)


def patterns_of(trace: Trace) -> dict[str, Pattern]:
    """What the attention of a trace sees, by name, where that is known."""
    seen = [s for s in trace.steps if s.kind == "attention" and not s.sizes.get("unseen")]
    return {s.name: Pattern(bool(s.sizes["causal"]), s.sizes.get("window"), bool(masks_of(s))) for s in seen}


def masks_of(step: Step) -> list[str]:
    """What attention reads besides queries, keys and values: biases, and masks that no pattern stands for."""
    return [i for i in step.inputs[3:] if not i.endswith("_cached")]


def _attention(web: Web, softmax: Step, known: Mapping[str, Pattern]) -> tuple[list[Step], Step] | None:
    scores = web.tensor(softmax.inputs[0])
    region = _Region(web, scores.elements, [softmax])
    first = _up(region, softmax.inputs[0], softmax)
    second = _down(region, softmax.output)
    if first is None or second is None or first.inputs[1] == second.inputs[1] or len(scores.shape) < 3:
        return None
    if web.constant(first.inputs[1]) or web.constant(second.inputs[1]):
        return None
    if not _probabilities_first(web, second, region):
        return None
    region.steps += [first, second]
    q, k = (_unscaled(web, i, softmax.name) for i in first.inputs[:2])
    sizes = _sizes(web, first, second, k, second.inputs[1], scores.shape)
    pattern = pattern_of(region.seen, *scores.shape[-2:]) if region.known else known.get(second.name)
    left = region.masks if pattern is None or (pattern.biased and not region.known) else region.biases
    read = tuple(dict.fromkeys(left))
    sizes |= _pattern_sizes(pattern or Pattern(causal=False)) | ({"unseen": 1.0} if pattern is None and read else {})
    return region.steps, Step(second.name, "attention", (q, k, second.inputs[1], *read), second.outputs, sizes, "attention", second.count)


def _up(region: _Region, name: str, reader: Step) -> Step | None:
    """From the softmax back to the product that makes the scores; what is added and hidden on the way is noted."""
    web = region.web
    step = web.maker.get(name)
    if step is None or web.only_reader(name) is not reader:
        return None
    if step.kind == "contraction":
        return step if len(step.inputs) == 2 else None
    if step.kind not in (*VIEWS, "pointwise"):
        return None
    for candidate in step.inputs if step.kind == "pointwise" else step.inputs[:1]:
        tensor = web.tensor(candidate)
        if tensor.constant or tensor.elements != region.elements:
            continue
        before = len(region.steps), len(region.masks)
        region.steps.append(step)
        found = _up(region, candidate, step)
        if found is not None:
            region.note_mask(step, candidate)
            return found
        del region.steps[before[0] :], region.masks[before[1] :]
    return None


def _down(region: _Region, name: str) -> Step | None:
    """From the softmax on to the product with the values."""
    web, found, open_names = region.web, None, [name]
    while open_names:
        name = open_names.pop()
        if name in web.outputs:
            return None
        for step in web.readers.get(name, ()):
            if step.kind == "contraction":
                if found not in (None, step):
                    return None
                found = step
            elif step.kind in (*VIEWS, "pointwise") and web.tensor(step.output).elements <= region.elements:
                if step not in region.steps:
                    region.steps.append(step)
                    open_names += step.outputs
            else:
                return None
    return found


def _probabilities_first(web: Web, second: Step, region: _Region) -> bool:
    """Whether the second product's first operand comes out of the region."""
    return any(second.inputs[0] in s.outputs for s in region.steps) and not any(second.inputs[1] in s.outputs for s in region.steps)


def _unscaled(web: Web, name: str, reader: str) -> str:
    """Queries or keys before they are scaled by a constant, which the kernel does."""
    for step, made in _path(web, name):
        if step.kind == "pointwise" and step.label in ("mul", "div"):
            scales = [i for i in step.inputs if web.tensor(i).elements == 1.0]
            if len(scales) != 1 or len(web.readers.get(made, ())) != 1:
                return name
            source = next(i for i in step.inputs if i not in scales)
            return _unscaled(web, source, reader)
    return name


def _path(web: Web, name: str) -> Iterator[tuple[Step, str]]:
    """The makers of a tensor, through views, up to the first that is none."""
    while (step := web.maker.get(name)) is not None:
        yield step, name
        if step.kind not in VIEWS or web.only_reader(name) is None:
            return
        name = step.inputs[0]


def _sizes(web: Web, first: Step, second: Step, k: str, v: str, shape: tuple[int, ...]) -> dict[str, float]:
    """Of the attention that two products make; the last axes of the scores are queries and keys, those before them heads, the first sequences."""
    q_len, kv_len = float(shape[-2]), float(shape[-1])
    batch, heads = (float(shape[0]), float(np.prod(shape[1:-2]))) if len(shape) > 3 else (1.0, float(shape[0]))
    width = (first.sizes["k"] + second.sizes["n"]) / 2.0
    sizes = {"batch": batch, "heads": heads, "q_len": q_len, "kv_len": kv_len, "head_dim": width}
    return {**sizes, "kv_heads": min(_kept_heads(web, k, v, sizes), heads)}


def _pattern_sizes(pattern: Pattern) -> dict[str, float]:
    return {"causal": float(pattern.causal), **({"window": pattern.window} if pattern.window is not None else {})}


def _with_patterns(trace: Trace, known: Mapping[str, Pattern]) -> Trace:
    """Attention that was one operator already: scales in front of it, heads that are copies, and the mask that says which keys a query sees."""
    web = web_of(trace)
    new: dict[str, Step] = {}
    for step in trace.steps:
        if step.kind != "attention" or "cached" in step.sizes:
            continue
        q, k, *rest = step.inputs
        read, sizes = (_unscaled(web, q, step.name), _unscaled(web, k, step.name), *rest), dict(step.sizes)
        if len(read) > 2:
            sizes["kv_heads"] = min(sizes["kv_heads"], _kept_heads(web, read[1], read[2], sizes))
        if len(read) == 4 and not sizes.get("causal"):
            mask = trace.tensors[read[3]]
            pattern = known.get(step.name) if (elements := mask.known()) is None else _read_pattern(elements, mask.element, sizes)
            if pattern is None:
                sizes["unseen"] = 1.0
            else:
                read, sizes = read if pattern.biased else read[:3], {**sizes, **_pattern_sizes(pattern)}
        new[step.name] = replace(step, inputs=read, sizes=sizes)
    return replaced(trace, (), new)


def _read_pattern(elements: Any, element: str, sizes: Mapping[str, float]) -> Pattern | None:
    """The pattern of a mask whose elements are known."""
    seen = seen_by(elements, element)
    pattern = pattern_of(seen, int(sizes["q_len"]), int(sizes["kv_len"]))
    return None if pattern is None else replace(pattern, biased=shifts(elements, seen, element))


def _kept_heads(web: Web, k: str, v: str, sizes: Mapping[str, float]) -> float:
    """Heads of keys and values that lie in memory, where others are copies of them."""
    each = sizes["batch"] * sizes["kv_len"] * sizes["head_dim"]
    return max(float(round((web.distinct(k) + web.distinct(v)) / (2.0 * each))), 1.0)
