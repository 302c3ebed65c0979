"""From options to designs: lists become a full grid, and each row is the design by itself."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from roofscape.arguments import names, numbers, setting
from roofscape.cli import parser
from roofscape.request import Request, requests


def asked(line: str) -> Request:
    options = parser().parse_args(["estimate", "llama-3-8b", "--on", "2xh100-sxm", *line.split()])
    return requests(options, options.on)


@pytest.mark.parametrize(
    ("text", "values"),
    [("8", [8]), ("1,8, 32", [1, 8, 32]), ("8k", [8192]), ("8K,1M", [8192, 2**20]), ("1e3", [1000]), (" 4 ", [4]), ("0.5k", [512]), ("-1", [-1])],
)
def test_numbers(text: str, values: list[float]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize("text", ["", ",", "1,", "k", "1kk", "1 2", "one", "1;2", "0x8"])
def test_no_numbers(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="1,8,32"):
        numbers(text)


def test_names_and_settings() -> None:
    assert names("a, b") == ["a", "b"]
    assert setting("hbm.bandwidth = 1TB/s, 2TB/s") == ("hbm.bandwidth", ["1TB/s", "2TB/s"])


def test_a_full_grid_in_the_order_of_a_nested_loop() -> None:
    request = asked("--phase decode --batch 1,8 --context 100,200,300")
    assert request.scenario.batch.tolist() == [1, 1, 1, 8, 8, 8]  # type: ignore[union-attr]
    assert request.scenario.context.tolist() == [100, 200, 300] * 2  # type: ignore[union-attr]
    assert len(request.designs()) == 6


def test_one_design_is_plain_numbers() -> None:
    request = asked("--phase decode --batch 8")
    assert request.scenario.batch == 8.0
    assert [type(d.scenario.batch) for d in request.designs()] == [float]


def test_rows_are_the_designs_by_themselves() -> None:
    request = asked("--phase decode --batch 1,64 --tp 1,2 --dtype bf16,fp8 --set hbm.bandwidth=2TB/s,4TB/s")
    together = request.estimate()
    alone = [d.estimate().time_s for d in request.designs()]
    assert len(alone) == 16
    np.testing.assert_allclose(together.time_s, alone, rtol=1e-12)
    assert together.time_s.tolist() == [d["time_s"] for d in (together.to_dict(i) for i in range(16))]  # type: ignore[union-attr]
    assert len(together.to_frame()) == 16


def test_the_question_behind_a_design_gives_its_time() -> None:
    for design in asked("--phase decode --batch 1,64 --kv-dtype fp8 --dtype bf16,fp8 --set hbm.bandwidth=2TB/s").designs():
        assert design.question().estimate({}).time_s == design.estimate().time_s
