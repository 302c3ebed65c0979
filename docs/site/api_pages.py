"""The Python interface as pages: directives that mkdocstrings turns into what the docstrings say."""

from __future__ import annotations

import roofscape

# What is meant to be imported besides `roofscape` itself, from the ground up.
MODULES = {
    "magnitudes.arrays": "reader types, and the functions of formulas",
    "magnitudes.interval": "regions of the design space",
    "magnitudes.units": "quantities with units",
    "magnitudes.datatypes": "data types",
    "hardware_specs.schema": "tiers, engines, links, chips, systems",
    "hardware_specs.catalog": "machines by name",
    "hardware_specs.fields": "numbers of a machine by path",
    "workloads.operator": "operators",
    "workloads.graph": "workloads: operators joined by tensors",
    "workloads.chain": "a workload in the making",
    "workloads.model": "what every model has",
    "workloads.scenario": "what is asked of a model",
    "workloads.sharding": "parallelism and formats",
    "simulator.machine": "one engine as laws see it",
    "simulator.law": "what an execution model offers",
    "simulator.cost": "what an operator costs",
    "simulator.engines": "execution models",
    "simulator.estimate": "the spine",
    "simulator.figures": "figures of an estimate",
    "simulator.result": "estimates",
    "simulator.calibration": "coefficient files",
    "explorers.question": "questions over columns",
    "explorers.stream": "millions of designs",
    "explorers.sensitivity": "what a parameter is worth",
    "roofscape.testing": "the conformance suite",
}


def public_page() -> str:
    """What ``import roofscape as rs`` offers."""
    lines = ["# Python API", "", "What `import roofscape as rs` offers; each name is imported when it is first used.", ""]
    lines += [f"::: {module}.{name}\n" for name, module in roofscape._PUBLIC.items()]
    return "\n".join(lines)


def module_page() -> str:
    """The modules beneath it."""
    lines = ["# Modules", "", "What stands beneath `roofscape`, from the ground up: imports run down only.", ""]
    for module, text in MODULES.items():
        public = [name for name, where in roofscape._PUBLIC.items() if where == module]
        lines += [f"## {module}", "", f"{text[0].upper()}{text[1:]}.", ""]
        lines += [f"On the page of the Python API: {', '.join(f'[`{name}`](api.md#{module}.{name})' for name in public)}.", ""] if public else []
        shown = ", ".join(f'"{pattern}"' for pattern in ["!^_", *(f"!^{name}$" for name in public)])
        lines += [f"::: {module}", f"    options: {{show_root_heading: false, filters: [{shown}]}}", ""]
    return "\n".join(lines)
