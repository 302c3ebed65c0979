"""Notebooks run from top to bottom, say what they promise, and are kept with small outputs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nbclient", reason="the extra 'notebook' is not installed")
pytest.importorskip("ipykernel", reason="the extra 'notebook' is not installed")

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
LIMIT_BYTE = 150_000


def code_cells(notebook: Any) -> list[Any]:
    return [c for c in notebook["cells"] if c["cell_type"] == "code"]


@pytest.fixture(scope="module")
def execute() -> Any:
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_notebooks() -> None:
    assert [f.name for f in FILES][:1] == ["01_what_if.ipynb"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_it_runs(file: Path, execute: Any) -> None:
    fresh = execute.executed(file)
    assert all(cell["execution_count"] == i + 1 for i, cell in enumerate(code_cells(fresh)))
    noise = [o for cell in code_cells(fresh) for o in cell["outputs"] if o["output_type"] == "stream" and o["name"] == "stderr"]
    assert noise == []
    assert len(json.dumps(fresh)) < LIMIT_BYTE


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_it_is_kept_executed_and_small(file: Path) -> None:
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert file.stat().st_size < LIMIT_BYTE
    assert all(cell["execution_count"] for cell in code_cells(kept))
    assert any(cell["outputs"] for cell in code_cells(kept))
    assert "/home/" not in file.read_text(encoding="utf-8")
