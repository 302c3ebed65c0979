"""LLMCompass's layer of GPT-3: rows that bear names only get the sizes of its prompt."""

from __future__ import annotations

import pandas as pd
import pytest

from simulator.validation.gpt3_layer import PREFILL
from simulator.validation.shapes import read_frame


def layer(phase: str, names: list[str]) -> pd.DataFrame:
    rows = [{"source": "llmcompass", "device": "A100-SXM-80GB x4", "op": f"gpt3_layer_{phase}_4xA100:{n}", "measured_us": 1e3, "dtype": "fp16"} for n in names]
    return pd.DataFrame(rows).assign(m=None, n=None, k=None, rows=None, cols=None)


def test_a_prompts_layer_has_the_arithmetic_of_a_quarter_of_gpt3() -> None:
    flop = sum(2.0 * float(r["m"]) * float(r["n"]) * float(r["k"]) for r in PREFILL.values() if r["op"] == "gemm")
    assert flop == pytest.approx(2.0 * 8 * 2048 * 12 * 12288**2 / 4)  # 12 d**2 weights a layer, on four chips
    scores = sum(2.0 * float(r["batch"]) * float(r["m"]) * float(r["n"]) * float(r["k"]) for r in PREFILL.values() if r["op"] == "bmm")
    assert scores == pytest.approx(4.0 * 8 * 2048**2 * 12288 / 4)


def test_names_become_operators_and_what_is_not_published_is_told() -> None:
    frame = pd.concat([layer("prefill", [*PREFILL, "Unheard"]), layer("decode", ["Q_K_V", "Softmax"])], ignore_index=True)
    table = read_frame("llmcompass.parquet", frame)
    assert list(table.frame["op"][:-1]) == [r["op"] for r in PREFILL.values()]
    assert table.frame["op"].iloc[-1] == "gpt3_layer_prefill_4xA100:Unheard"  # no law knows it: told where laws are asked
    assert [(u.rows, "context is not published" in u.reason) for u in table.unscored] == [(2, True)]
