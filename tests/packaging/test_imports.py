"""Imports go round in no circle, neither at the top of a file nor inside a function, nor for types alone."""

from __future__ import annotations

import ast
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[2]
PACKAGES = ("magnitudes", "hardware_specs", "workloads", "simulator", "explorers", "roofscape")


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(text: str, modules: set[str]) -> set[str]:
    """The modules that a file imports, wherever in it: a name taken from a package is its module, where there is one."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in modules else node.module for name in inside}
    return found & modules


def circles(texts: dict[str, str]) -> list[list[str]]:
    graph = nx.DiGraph((module, other) for module, text in texts.items() for other in imported(text, set(texts)))
    return list(nx.simple_cycles(graph))


def test_no_file_of_the_house_imports_one_that_leads_back_to_it() -> None:
    files = [f for package in PACKAGES for f in (ROOT / package).rglob("*.py")]
    assert len(files) > 400
    assert circles({module_of(f): f.read_text(encoding="utf-8") for f in files}) == []


def test_a_circle_inside_functions_is_seen() -> None:
    texts = {"house.a": "def f():\n    from house.b import g", "house.b": "from house import a", "house": ""}
    assert [sorted(circle) for circle in circles(texts)] == [["house.a", "house.b"]]
