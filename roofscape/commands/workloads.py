"""``roofscape workloads``: models in the catalogue, and the operators of one."""

from __future__ import annotations

import argparse
import json
from typing import Any

from magnitudes.arrays import Real
from magnitudes.units import show
from roofscape.defaults import default_scenario
from workloads.catalog import entry, find_model
from workloads.sharding import Parallelism, Precision
from workloads.shipped import model_names


def run(options: argparse.Namespace) -> None:
    """List the catalogue, or show the operators of one model."""
    if options.name is None:
        _list(options.json)
    else:
        _show(options.name, options.json)


def _list(as_json: bool) -> None:
    rows = [_summary(name) for name in model_names()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from roofscape.report.terminal import show_table

    shown = [[r["name"], show(r["parameters"], ""), f"{r['off'] * 100:+.2f} %", ", ".join(r["phases"]), r["source"]] for r in rows]
    show_table("Models", ["name", "parameters", "off published", "phases", "source"], shown)


def _summary(name: str) -> dict[str, Any]:
    e = entry(name)
    return {
        "name": name, "parameters": e.model.parameters, "published_parameters": e.published_parameters,
        "off": e.model.parameters / e.published_parameters - 1.0, "phases": list(e.model.phases), "source": e.source,
    }  # fmt: skip


def _show(name: str, as_json: bool) -> None:
    """The operators of each pass of the usual scenario, on one chip in bf16."""
    model = find_model(name)
    scenario = default_scenario(model)
    by_phase = {run.phase: model.workload(run, Parallelism(), Precision()) for run in scenario.passes()}
    rows: list[dict[str, Any]] = [
        {
            "phase": phase,
            "name": n.operator.name,
            "kind": n.operator.kind,
            "count": _number(n.count),
            "flop": _number(n.operator.flop),
            "byte": _number(n.operator.byte),
        }
        for phase, load in by_phase.items()
        for n in load.nodes
    ]
    if as_json:
        print(json.dumps({"name": model.name, "parameters": model.parameters, "operators": rows}, indent=2))
        return
    from roofscape.report.terminal import show_table

    title = f"{model.name}: {show(model.parameters, '')} parameters; one call of each operator, {scenario}"
    shown = [[r["phase"], r["name"], r["kind"], f"{r['count']:g}", show(r["flop"], "flop"), show(r["byte"], "byte")] for r in rows]
    show_table(title, ["phase", "operator", "kind", "count", "flop", "bytes"], shown)


def _number(x: Real) -> float:
    assert isinstance(x, float)
    return x
