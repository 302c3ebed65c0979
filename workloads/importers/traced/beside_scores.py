"""Constants that are added to attention's scores: masks are no weights, and tables of relative positions count once, however an exporter spread them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from workloads.importers.traced.attention import masks_of
from workloads.importers.traced.trace import Tensor, Trace


def without_masks(trace: Trace, before: Trace) -> Trace:
    """The trace whose parameters are what was learned.

    Parameters
    ----------
    trace, before : Trace
        With attention recognised, and as it was: masks that a pattern stands for are read there alone.
    """
    addends = {name for step in trace.steps if step.kind == "attention" for name in masks_of(step) if trace.tensors[name].constant}
    elsewhere = _origins(trace, beside=False)
    parameters = dict(trace.parameters)
    for origin in _origins(before) - _origins(trace):
        parameters.pop(origin, None)
    for name in sorted(addends):
        tensor = trace.tensors[name]
        own = [o for o in tensor.origins - elsewhere if o in parameters]
        learned = _learned(tensor)
        largest = max(own, key=lambda o: (parameters[o], o), default="")
        for origin in own:
            if origin == largest and learned:
                parameters[origin] = min(parameters[origin], learned)
            else:
                del parameters[origin]
    return replace(trace, parameters=parameters)


def _origins(trace: Trace, *, beside: bool = True) -> set[str]:
    """The stored tensors that steps read; not those that attention reads beside its scores, where they are not asked for."""
    read = [i for s in trace.steps for i in s.inputs if beside or s.kind != "attention" or i not in masks_of(s)]
    return {origin for name in read for origin in trace.tensors[name].origins}


def _learned(tensor: Tensor) -> float:
    """Weights behind a constant of shape (..., heads, queries, keys) that is added to scores; none, if it is a mask.

    What is the same for all heads, or has two values alone, hides scores. Of a bias each value of a head counts once: a table of relative
    positions lies spread over all pairs where an exporter has folded the look-up. Where values cannot be read, a window of w x w tokens is
    taken to have such a table, of (2 w - 1) ** 2 (Liu et al., Swin Transformer, arXiv 2103.14030).
    """
    heads = tensor.shape[-3] if len(tensor.shape) > 2 else 1
    if heads == 1 or not tensor.is_float:
        return 0.0
    if (elements := tensor.known()) is not None:
        values = np.asarray(elements).reshape(-1, *tensor.shape[-3:]).swapaxes(0, 1).reshape(heads, -1)
        return 0.0 if np.unique(values).size <= 2 else float(sum(np.unique(row).size for row in values))
    queries, keys = tensor.shape[-2:]
    side = math.isqrt(queries)
    return heads * (2.0 * side - 1.0) ** 2 if queries == keys == side**2 and side > 1 else tensor.elements
