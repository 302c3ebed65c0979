"""Norms that a graph spells out as means, roots and products: recognised, and made one step again."""

from __future__ import annotations

from dataclasses import dataclass, field

from workloads.importers.traced.trace import Step, Trace
from workloads.importers.traced.web import Web, replaced, web_of


@dataclass
class _Found:
    """The steps of one norm, as they are met."""

    web: Web
    steps: list[Step] = field(default_factory=list)

    def next(self, name: str, *labels: str) -> Step | None:
        """The only reader of a tensor, if it is of one of these functions; casts on the way are taken in."""
        step = self.web.only_reader(name)
        if step is not None and step.kind == "pointwise" and step.label == "cast":
            self.steps.append(step)
            return self.next(step.output, *labels)
        if step is None or step.kind != "pointwise" or step.label not in labels:
            return None
        self.steps.append(step)
        return step


def recognise_norms(trace: Trace) -> Trace:
    """The trace with spelled-out layer and RMS norms as one step each."""
    web = web_of(trace)
    gone: set[str] = set()
    new: dict[str, Step] = {}
    for step in trace.steps:
        if step.kind != "reduce" or step.label != "mean" or not step.sizes.get("last"):
            continue
        match = _norm(web, step)
        if match is not None and not gone.intersection(s.name for s in match[0]):
            steps, norm = match
            gone.update(s.name for s in steps)
            new[steps[-1].name] = norm
    return replaced(trace, gone, new)


def _norm(web: Web, variance: Step) -> tuple[list[Step], Step] | None:
    """The steps of the norm whose mean of squares this is, the last one last, and the step that stands for them."""
    square = _uncast(web, variance.inputs[0], "pow", "mul")
    if square is None or not _is_square(web, square):
        return None
    centred = square.inputs[0]
    source, before = _centre(web, centred)
    found = _Found(web, [*before, square, variance])
    last = _root(found, variance.output, centred)
    if last is None:
        return None
    weights = _scale_and_shift(found, last)
    flavour, source = ("layer" if before else "rms"), _bare(web, source)
    rows = web.tensor(variance.output).elements
    cols = web.tensor(source).elements / rows
    steps = found.steps
    if before and any(r not in steps for r in web.readers.get(centred, ())):
        return None
    name = steps[-1]
    return steps, Step(name.name, "norm", (source, *weights), name.outputs, {"rows": rows, "cols": cols}, flavour, name.count)


def _uncast(web: Web, name: str, *labels: str) -> Step | None:
    """The pointwise step behind a tensor, casts aside."""
    step = web.maker.get(name)
    if step is not None and step.kind == "pointwise" and step.label == "cast":
        return _uncast(web, step.inputs[0], *labels)
    return step if step is not None and step.kind == "pointwise" and step.label in labels else None


def _is_square(web: Web, step: Step) -> bool:
    if step.label == "mul":
        return len(step.inputs) == 2 and step.inputs[0] == step.inputs[1]
    exponent = web.tensor(step.inputs[1]).value if len(step.inputs) > 1 else 2.0
    return exponent is not None and float(exponent) == 2.0


def _centre(web: Web, name: str) -> tuple[str, list[Step]]:
    """What a tensor was before its mean was subtracted, and the steps that did; itself, where none did."""
    step = _uncast(web, name, "sub")
    if step is None or len(step.inputs) != 2:
        return name, []
    mean = web.made_by(step.inputs[1], "reduce", "mean")
    if mean is None or not mean.sizes.get("last") or mean.inputs[0] != step.inputs[0]:
        return name, []
    return step.inputs[0], [mean, step]


def _root(found: _Found, name: str, centred: str) -> Step | None:
    """From the mean of squares to the product with what it normalises."""
    if found.next(name, "add") is None:
        return None
    root = found.next(found.steps[-1].output, "sqrt", "rsqrt", "pow")
    if root is None:
        return None
    product = found.next(root.output, "mul", "div", "reciprocal")
    if product is not None and product.label == "reciprocal":
        product = found.next(product.output, "mul")
    if product is None or not any(found.web.behind_views(i) == found.web.behind_views(centred) or _casts_to(found.web, i, centred) for i in product.inputs):
        return None
    return product


def _casts_to(web: Web, name: str, other: str) -> bool:
    """Whether two tensors are the same but for casts."""
    return _bare(web, name) == _bare(web, other)


def _bare(web: Web, name: str) -> str:
    step = web.maker.get(name)
    return _bare(web, step.inputs[0]) if step is not None and step.kind == "pointwise" and step.label == "cast" else name


def _scale_and_shift(found: _Found, last: Step) -> tuple[str, ...]:
    """The constants that the normalised rows are multiplied with, and that are added."""
    weights: list[str] = []
    for label in ("mul", "add"):
        reader = found.web.only_reader(last.output)
        while reader is not None and reader.kind == "pointwise" and reader.label == "cast":
            found.steps.append(reader)
            last = reader
            reader = found.web.only_reader(last.output)
        if reader is None or reader.kind != "pointwise" or reader.label != label:
            break
        constants = [i for i in reader.inputs if found.web.constant(i)]
        if len(constants) != 1 or len(reader.inputs) != 2:
            break
        weights += constants
        found.steps.append(reader)
        last = reader
    return tuple(weights)
