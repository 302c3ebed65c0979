"""What inference folds away: biases, with which sums start, and norms with fixed statistics, which scale the weights of the convolution before them."""

from __future__ import annotations

from dataclasses import replace

from workloads.importers.traced.trace import Step, Trace
from workloads.importers.traced.web import Web, replaced, web_of

PRODUCTS = ("contraction", "convolution")


def fold_biases(trace: Trace) -> Trace:
    """A constant row that is added to a product is its bias."""
    web, gone, new = web_of(trace), set[str](), dict[str, Step]()
    for step in trace.steps:
        product = _biased(web, step)
        if product is not None and product.name not in new:
            bias = next(i for i in step.inputs if web.constant(i))
            gone.add(step.name)
            new[product.name] = replace(product, inputs=(*product.inputs, bias), outputs=step.outputs)
    return replaced(trace, gone, new)


def _biased(web: Web, step: Step) -> Step | None:
    """The product without a bias that a sum adds one to."""
    if step.kind != "pointwise" or step.label != "add" or len(step.inputs) != 2:
        return None
    constants = [i for i in step.inputs if web.constant(i)]
    others = [i for i in step.inputs if not web.constant(i)]
    if len(constants) != 1 or len(others) != 1:
        return None
    product = web.maker.get(others[0])
    if product is None or product.kind not in PRODUCTS or len(product.inputs) != 2 or web.only_reader(others[0]) is not step:
        return None
    columns = product.sizes["n"] if product.kind == "contraction" else product.sizes["cout"]
    return product if web.tensor(constants[0]).elements == columns else None


def fold_batch_norms(trace: Trace) -> Trace:
    """A norm with fixed statistics is part of the convolution before it; elsewhere, a product and a sum with constants."""
    web, gone, new = web_of(trace), set[str](), dict[str, Step]()
    for step in trace.steps:
        if step.kind != "batch_norm":
            continue
        before = web.maker.get(step.inputs[0])
        if before is not None and before.kind == "convolution" and web.only_reader(step.inputs[0]) is step:
            gone.add(step.name)
            bias = before.inputs if len(before.inputs) > 2 else (*before.inputs, step.inputs[2])
            new[before.name] = replace(before, inputs=bias, outputs=step.outputs)
        else:
            new[step.name] = replace(step, kind="pointwise", label="batch_norm", inputs=step.inputs[:3], sizes={"flop": 2.0})
    return replaced(trace, gone, new)
