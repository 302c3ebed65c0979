"""Running a command in this process: what it returns, prints and complains."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from roofscape.cli import main

CHIP = """\
name: my-chip
title: A chip of my own
source: back of an envelope
tdp: 400 W
tiers:
  l2: {kind: SRAM, capacity: 40 MB, bandwidth: 6 TB/s, latency: 250 ns}
  hbm: {kind: HBM3, capacity: 96 GB, bandwidth: 2.5 TB/s, latency: 600 ns}
engines:
  core:
    execution: kernel
    beside: [l2, hbm]
    clock: 1.5 GHz
    multiprocessors: 100
    shared: 200 KiB
    matrix: {bf16: 400 TFLOP/s, fp8: 800 TFLOP/s}
    vector: {fp32: 40 TFLOP/s}
fabric: [{link: pcie5-x16, chips: 8}]
"""
CONFIG = {
    "model_type": "llama", "hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16, "num_key_value_heads": 4, "num_hidden_layers": 8,
    "vocab_size": 32000,
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Ran]:
    """Run ``roofscape LINE``."""

    def go(line: str) -> Ran:
        try:
            code = main(shlex.split(line))
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return go


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    """A user's own chip."""
    path = tmp_path / "my_chip.yaml"
    path.write_text(CHIP)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A user's own model."""
    path = tmp_path / "my-model" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture
def chip_text() -> str:
    """A user's own chip, to write with mistakes."""
    return CHIP


@pytest.fixture
def config_fields() -> dict[str, Any]:
    """A user's own model, to write with mistakes."""
    return dict(CONFIG)
