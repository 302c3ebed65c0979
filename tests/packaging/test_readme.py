"""The README's commands run, its outputs are today's, its Python works, and the files that it names are there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from roofscape.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINES = [line.partition("  #")[0].strip() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
ASKED = [c for c in COMMAND_LINES if c.split()[1] in ("estimate", "compare", "specs", "workloads")]


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_readme", ROOT / "docs" / "write_readme.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_commands() -> None:
    assert len(ASKED) >= 6
    assert all(c.split()[0] == "roofscape" and c.split()[1] in COMMANDS for c in COMMAND_LINES)


@pytest.mark.parametrize("command", ASKED)
def test_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_outputs_are_those_of_today(writer: ModuleType) -> None:
    assert writer.SHOWN.search(README)
    assert writer.filled(README) == README, "predictions have moved: python docs/write_readme.py writes the README's outputs anew"


def test_python_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, object] = {}
        exec(compile(block.replace("10**6", "10**4"), "README.md", "exec"), names)
        assert len(names["table"]) == 200  # type: ignore[arg-type]
        assert set(names["answer"]) == {"tpot_s", "feasible"}  # type: ignore[arg-type, call-overload]


def test_files_are_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_keys_of_json_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    assert main(shlex.split("estimate llama-3-8b --on h100-sxm --phase decode --json --no-elasticities")) == 0
    design = json.loads(capsys.readouterr().out)
    said = README[README.index("`--json` keys are stable") : README.index("TTFT is the prefill pass")]
    keys, _, operators = said.partition("`operators: [{")
    assert set(re.findall(r"`(\w+)`", keys)) <= set(design)
    assert {k.strip() for k in operators.partition("}]")[0].split(",")} == set(design["operators"][0])
