"""A space described: its schema accepts what the reader reads and refuses what it refuses; the feasible share is that of all designs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from explorers.space.catalog import find_space, read_space
from explorers.space.feasibility import feasibility
from explorers.space.file import space_tree
from explorers.space.json_schema import space_schema
from explorers.space.shipped import space_names
from magnitudes.errors import InputError
from roofscape.cli import main

SHIPPED = space_names()
jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: `pip install 'roofscape[test]'`")


@pytest.fixture(scope="module")
def schema() -> Any:
    tree = space_schema()
    jsonschema.Draft202012Validator.check_schema(tree)
    return jsonschema.Draft202012Validator(tree)


def small(**changes: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "space": "small", "model": "llama-3-8b", "machine": "h100-sxm", "scenario": {"phase": "decode", "context": 1024},
        "axes": {"hbm.bandwidth": {"log": ["1 TB/s", "8 TB/s", 8]}, "batch": [1, 2, 4]}, "constraints": ["fits"], "objectives": ["minimise tpot_s"],
    }  # fmt: skip
    return {key: value for key, value in {**tree, **changes}.items() if value is not None}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_spaces_are_as_the_schema_says(schema: Any, name: str, project: Path) -> None:
    schema.validate(yaml.safe_load((project / "explorers" / "spaces" / f"{name}.yaml").read_text(encoding="utf-8")))
    schema.validate(json.loads(json.dumps(space_tree(find_space(name)))))


def test_the_reader_and_the_schema_take_the_same_small_file(schema: Any) -> None:
    schema.validate(small())
    assert read_space(yaml.safe_dump(small()), "small").size == 24


@pytest.mark.parametrize(
    "changes",
    [
        {"axes": {}}, {"objectives": []}, {"objectives": ["smallest tpot_s"]}, {"model": None}, {"objektives": ["minimise tpot_s"]},
        {"axes": {"batch": {"grid": []}}}, {"axes": {"batch": {"grid": [1], "log": [1, 8, 4]}}}, {"axes": {"batch": {"range": [1, 2]}}},
        {"axes": {"batch": {"log": [1, 8, 1]}}}, {"axes": {"batch": {"grid": [1], "if": "dtype == 'fp8'"}}}, {"evaluator": "oracle"},
        {"scenario": {"phase": "dream"}}, {"trace": "stream"}, {"estimator": {"fidelty": "tile"}}, {"constraints": "fits"},
    ],
)  # fmt: skip
def test_what_the_schema_refuses_the_reader_refuses_too(schema: Any, changes: dict[str, Any]) -> None:
    tree = small(**changes)
    assert not schema.is_valid(tree)
    with pytest.raises(InputError):
        read_space(yaml.safe_dump(tree), "small")


def test_the_share_of_a_small_space_is_that_of_all_its_designs() -> None:
    space = find_space("pim-placement")
    found, all_scores = feasibility(space), space.score(space.places(np.arange(space.grid_size)))
    assert found.exact and found.drawn == space.size
    assert found.feasible.share == pytest.approx(float(all_scores.feasible.mean()))
    assert found.holds["read_w <= 116"].share == pytest.approx(float((all_scores.violations[:, 0] <= 0.0).mean()))


def test_the_interval_of_a_draw_holds_the_truth() -> None:
    space = find_space("pim-placement")
    truth = feasibility(space).feasible.share
    inside = [found.low <= truth <= found.high for found in (feasibility(space, 300, seed).feasible for seed in range(20))]
    assert sum(inside) >= 17


def test_a_share_of_nothing_has_an_interval_above_nothing() -> None:
    space = read_space(yaml.safe_dump(small(constraints=["tpot_s <= 1e-9"], axes={"hbm.bandwidth": {"log": ["1 TB/s", "8 TB/s", 20000]}})), "small")
    found = feasibility(space, 500)
    assert not found.exact and found.feasible.share == 0.0 and 0.0 < found.feasible.high < 0.02


def test_a_draw_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="draw of 0"):
        feasibility(find_space("pim-placement"), 0)


def test_the_command_line_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == space_schema()
    assert main(["explore", "pim-placement", "--describe", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["size"] == 3600 and 0.0 < told["feasibility"]["feasible"]["share"] < 1.0
    assert main(["explore", "pim-placement", "--describe"]) == 0
    assert "read_w <= 116" in capsys.readouterr().out


def test_the_command_line_explores_without_a_kept_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "pim-placement", "--with", "random", "--budget", "5"]) == 0
    assert "best design" in capsys.readouterr().out
