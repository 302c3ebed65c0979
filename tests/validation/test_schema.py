"""The documented schema is the one that the reader uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from roofscape.cli import main
from simulator.validation.dimensions import DEFAULTS, MEANINGS
from simulator.validation.names import ALIASES, operation_name
from simulator.validation.operations import OPERATIONS
from simulator.validation.schema import schema
from simulator.validation.structures import STRUCTURES


def test_the_page_holds_what_the_command_prints(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (project / "docs" / "validation.md").read_text(encoding="utf-8")
    assert page.split("<!-- schema -->\n")[1].split("\n<!-- end of schema -->")[0] == schema(), "write docs/validation.md anew: its schema is not the reader's"
    assert main(["validate", "--schema"]) == 0
    assert capsys.readouterr().out.strip() == schema()


def test_every_dimension_has_a_meaning_and_every_optional_one_a_default() -> None:
    for name, operation in OPERATIONS.items():
        assert set(operation.dimensions) | set(operation.optional) <= set(MEANINGS), name
        assert set(operation.optional) - {"reads"} <= set(DEFAULTS), name  # an elementwise operator knows how many it reads
        assert set(operation.structure) - {"windowed", "bidirectional"} <= set(STRUCTURES), name


def test_other_names_mean_one_operator_each() -> None:
    assert set(ALIASES) <= set(OPERATIONS)
    others = [alias for words in ALIASES.values() for alias in words.split()]
    assert len(set(others)) == len(others) and not set(others) & set(OPERATIONS)
    assert all(operation_name(alias) == name for name, words in ALIASES.items() for alias in words.split())
