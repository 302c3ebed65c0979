"""Recurrent layers: one product for all inputs, then one after another for each step of the sequence and direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from workloads.importers.onnx.site import Site
from workloads.importers.traced.products import CELLS
from workloads.importers.traced.trace import Step

Make = Callable[[Site], list[Step]]


def recurrent(site: Site) -> list[Step]:
    """An LSTM, a GRU or a plain recurrence, in one direction or both."""
    gates, flop = CELLS[site.node.op_type]
    x, w, r = site.tensor(0), site.tensor(1), site.tensor(2)
    steps, batch = (x.shape[1], x.shape[0]) if site.given(0, "layout") else (x.shape[0], x.shape[1])
    directions, hidden = float(w.shape[0]), float(r.shape[2])
    columns = gates * hidden
    rows = site.between("inputs", (int(steps * batch), int(directions * columns)))
    turns = site.between("turns", (int(batch), int(columns)))
    bias = [site.tensor(3).name] if site.has(3) else []
    first = site.inner(
        "input", "contraction", [x.name, w.name, *bias], [rows.name], batch=1.0, m=float(steps * batch), n=directions * columns, k=float(x.shape[-1])
    )  # fmt: skip
    inner = site.inner("recurrence", "contraction", [rows.name, r.name], [turns.name], batch=1.0, m=float(batch), n=columns, k=hidden)
    inner = replace(inner, count=site.count * steps * directions)
    worked = flop * hidden * batch * steps * directions / sum(o.elements for o in site.outputs)
    cells = site.inner("", "reduce", [turns.name, rows.name], [o.name for o in site.outputs], site.node.op_type, flop=worked)
    return [first, inner, cells]


RULES: Mapping[str, Make] = dict.fromkeys(CELLS, recurrent)
