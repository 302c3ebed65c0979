"""What may not stand in a space's file is said with its place and the remedy, before anything is evaluated; never a stack trace."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from explorers.space.catalog import read_space
from explorers.space.statement import SpaceError

SPACE: dict[str, Any] = {
    "space": "mine",
    "model": "llama-3-8b",
    "machine": "h100-sxm",
    "scenario": {"phase": "decode", "context": 1024},
    "estimator": {"fidelity": "roofline"},
    "axes": {"hbm.bandwidth": {"log": ["1 TB/s", "4 TB/s", 4]}, "batch": {"grid": [1, 8]}},
    "objectives": ["minimise tpot_s"],
}

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"reference": {"tpot_s": "soon"}}, "reference.tpot_s: no number in 'soon'"),
    ({"reference": {"tpots": 0.1}}, "reference.tpots: no objective; did you mean tpot_s?"),
    ({"reference": ["tpot_s"]}, "reference: should be a mapping"),
    ({"report": "ttft_s"}, "report: should be a list"),
    ({"axes": {"batch": {"grid": [0, 8]}}}, "axes.batch: 0 is below 1"),
    ({"axes": {"tp": {"grid": [-1, 8]}}}, "axes.tp: -1 is below 1"),
    ({"axes": {"context": {"grid": [-5]}}}, "axes.context: -5 is below 0"),
    ({"axes": {"machine": {"choice": ["h100-sxm", "h1000"]}}}, "unknown machine 'h1000'; did you mean"),
    ({"axes": {"model": {"choice": ["llama-3-8b", "lama-3-70b"]}}}, "unknown model 'lama-3-70b'; did you mean"),
    ({"axes": {"kv_dtype": {"choice": ["bf16", "fp7"]}}}, "unknown data type 'fp7'"),
    ({"axes": {"tpot_s": {"of": "batch", "grid": [1, 2]}}}, "axes.tpot_s: formulas read a figure by that name"),
    ({"axes": {"batch": {"grid": [1, 2], "otherwise": 1}}}, "there is no `when`"),
    ({"let": {"batch": "2"}}, "let.batch: is an axis, too"),
    ({"let": {"a": "b * 2", "b": "a / 2"}}, r"let.a: goes in a circle \(a -> b -> a\)"),
    ({"tied": {"hbm.bandwidth": "batch"}}, "tied.hbm.bandwidth: is set by the axis hbm.bandwidth, too"),
    ({"tied": {"dtype": "batch"}}, "tied.dtype: takes a name"),
    ({"objectives": ["minimise tpot_s", "maximise tpot_s"]}, "objectives: tpot_s is named twice"),
    ({"objectives": ["minimise 'tpot_s'"]}, "is a name, not a formula"),
    ({"objectives": ["minimise min()"]}, "min takes at least 1"),
    ({"objectives": ["minimise sqrt(tpot_s, 2)"]}, "sqrt takes 1 number, not 2"),
    ({"objectives": ["minimise where(batch > 1)"]}, "where takes 3 numbers, not 1"),
    ({"objectives": ["minimise 1 / 0"]}, "a formula of numbers alone comes to nothing"),
    ({"constraints": ["batch"]}, "'batch' is a number, not a condition; compare it"),
    ({"constraints": ["tpot_s < 'fast'"]}, "a name such as 'fast' can only be compared, by =="),
    ({"scenario": "decode"}, "scenario: should be a mapping"),
    ({"scenario": {"phase": "decode", "contxt": 5}}, r"scenario.contxt: unknown; did you mean context\?"),
    ({"scenario": {"phase": "decode", "context": "long"}}, "scenario.context: no number in 'long'"),
    ({"scenario": {"phase": "decode", "batch": 0}}, "scenario.batch: 0 is below 1"),
    ({"parallelism": {"tpp": 2}}, "parallelism.tpp: unknown; did you mean tp"),
    ({"parallelism": 8}, "parallelism: should be a mapping, not 8"),
    ({"formats": {"kvdtype": "bf16"}}, "formats.kvdtype: unknown; did you mean kv_dtype"),
    ({"hardware": {"hbm.bandwidt": "1 TB/s"}}, "hardware.hbm.bandwidt: unknown; did you mean hbm.bandwidth"),
    ({"hardware": {"hbm.bandwidth": "1 kg"}}, "hardware.hbm.bandwidth: unknown unit 'kg'"),
    ({"estimator": "roofline"}, "estimator: should be a mapping"),
    ({"estimator": {"fidelity": "roofline", "spill": "yes"}}, "estimator.spill: should be true or false, not 'yes'"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES, ids=[next(iter(c)) + str(i) for i, (c, _) in enumerate(MISTAKES)])
def test_a_mistake_is_said_with_its_place(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        read_space(yaml.safe_dump(SPACE | changes), "mine.yaml")


def test_all_mistakes_of_a_file_are_told_together() -> None:
    wrong = SPACE | {"parallelism": {"tpp": 2}, "formats": {"kvdtype": "bf16"}, "scenario": {"phase": "decode", "contxt": 1}}
    with pytest.raises(SpaceError) as told:
        read_space(yaml.safe_dump(wrong), "mine.yaml")
    assert str(told.value).startswith("mine.yaml: 3 mistakes")


def test_a_reference_takes_the_unit_of_its_objective() -> None:
    space = read_space(yaml.safe_dump(SPACE | {"reference": {"tpot_s": "20 ms"}}), "mine.yaml")
    assert space.reference == {"tpot_s": 0.02}


def test_a_dram_controller_counts_its_requests() -> None:
    with pytest.raises(SpaceError, match="requests: no number in 'many'"):
        read_space(yaml.safe_dump({"evaluator": "dram_controller", "requests": "many", "axes": {}, "objectives": ["minimise latency_s"]}), "d")
