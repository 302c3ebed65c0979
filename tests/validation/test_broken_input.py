"""Broken tables: each says what is wrong and where, and the rows that can be scored are scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from roofscape.cli import main

Run = Callable[..., tuple[int, dict[str, Any]]]
Products = Callable[..., pd.DataFrame]


def scored(found: dict[str, Any]) -> int:
    return sum(g["rows"] for g in found["groups"])


def reasons(found: dict[str, Any]) -> str:
    return " | ".join(f"{u['rows']}: {u['reason']}" for u in found["unscored"])


@pytest.mark.parametrize("column", ["device", "op", "dtype", "measured_us"])
def test_a_missing_column_is_named_with_all_rows_lost(score: Run, products: Products, column: str) -> None:
    code, found = score(products().drop(columns=column))
    assert code == 2 and found["groups"] == [] and found["headline"] == {}
    assert found["unscored"][0]["rows"] == 10 and repr(column) in found["unscored"][0]["reason"]


def test_a_missing_column_that_comes_near_is_pointed_at(score: Run, products: Products) -> None:
    _, found = score(products().rename(columns={"measured_us": "measured_usec"}))
    assert "is 'measured_usec' meant as 'measured_us'?" in reasons(found)


@pytest.mark.parametrize("bad", [-1.0, 0.0, float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_none_loses_its_row_alone(score: Run, products: Products, bad: float) -> None:
    code, found = score(products(measured_us=[20.0] * 7 + [bad] + [20.0] * 2))
    assert code == 0 and scored(found) == 9
    assert found["unscored"] == [{"reason": f"measured_us is not a positive number (first in row 7: {bad})", "rows": 1, "file": "table.parquet"}]


@pytest.mark.parametrize(
    ("column", "bad", "said"),
    [
        ("op", "gemmm", "did you mean gemm"),
        ("device", "H100-SXN", "did you mean h100-sxm"),
        ("dtype", "bf17", "did you mean bf16"),
        ("op", "fft2d", "no law for the operator 'fft2d'"),
    ],
)
def test_an_unknown_name_has_a_near_match_and_loses_its_rows_alone(score: Run, products: Products, column: str, bad: str, said: str) -> None:
    good = {"op": "gemm", "device": "H100-SXM", "dtype": "bf16"}[column]
    code, found = score(products(**{column: [good] * 6 + [bad] * 4}))
    assert code == 0 and scored(found) == 6
    assert found["unscored"][0]["rows"] == 4 and said in reasons(found)


@pytest.mark.parametrize("bad", [0.0, -3.0, float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("column", ["m", "n", "k"])
def test_a_dimension_that_is_none_loses_its_row_alone(score: Run, products: Products, column: str, bad: float) -> None:
    code, found = score(products(**{column: [64.0, 64.0, bad] + [64.0] * 7}))
    assert code == 0 and scored(found) == 9
    assert f"1: gemm: {column} is not a positive number (first in row 2: {bad})" in reasons(found)


def test_text_in_a_dimension_loses_its_row_alone(score: Run, products: Products) -> None:
    code, found = score(products(k=["4096"] * 5 + ["many"] + ["4096"] * 4))
    assert code == 0 and scored(found) == 9
    assert "k is not a positive number (first in row 5: 'many')" in reasons(found)


@pytest.mark.parametrize(("column", "bad"), [("batch", -1), ("batch", 0), ("host_us", -5.0)])
def test_an_optional_dimension_is_checked_too(score: Run, products: Products, column: str, bad: float) -> None:
    code, found = score(products(**{column: [1.0] * 9 + [bad]}))
    assert code == 0 and scored(found) == 9 and f"{column} is not a positive number" in reasons(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"op": "conv_fwd", "batch": 8, "cin": 64, "cout": 64, "in_h": 2, "kernel_h": 7}, "the filter is larger than the padded image"),
        ({"op": "attn_prefill", "batch": 1, "heads": 8, "kv_heads": 16, "head_dim": 128, "q_len": 512}, "kv_heads is over heads"),
        ({"op": "attn_prefill", "batch": 1, "heads": 8, "head_dim": 128, "q_len": 512, "kv_len": 128}, "kv_len is under q_len"),
        ({"op": "moe", "tokens": 8, "hidden": 512, "inter": 512, "topk": 9, "experts": 8}, "topk is over experts"),
        ({"op": "all_reduce", "message_byte": 1024, "ranks": 1}, "ranks is under 2"),
        ({"op": "moe", "tokens": 8, "hidden": 512, "inter": 512, "topk": 2, "experts": 8, "distribution": "power_law_much"}, "power_law_ALPHA"),
        ({"op": "all_reduce", "message_byte": 1024, "ranks": 2, "ranks_per_node": "some"}, "ranks_per_node is no count"),
        ({"op": "all_reduce", "message_byte": 1024, "ranks": 2, "device": "this-machine"}, "no fabric joins"),
        ({"op": "attn_decode", "batch": 1, "heads": 8, "head_dim": 128, "kv_len": 128, "kv_dtype": "fp7"}, "kv_dtype: unknown data type 'fp7'"),
        ({"op": "softmax"}, "softmax needs the column 'rows', 'cols'"),
        ({"op": "model_inference", "batch": 1, "seq": 128, "model": "my_net"}, "whole model 'my_net'"),
        ({"op": "served_ttft", "batch": 1, "prompt": 128, "served_model": "llama-9"}, "unknown model 'llama-9'"),
        ({"timing": "stopwatch"}, "timing is none of kernel, graph, eager"),
        ({"device": ""}, "the device has no name"),
    ],
)
def test_dimensions_that_contradict_each_other_are_told(score: Run, products: Products, changes: dict[str, Any], said: str) -> None:
    good = products(
        op=products()["op"], **{k: v for k, v in changes.items() if k not in ("op", "timing", "device", "distribution", "ranks_per_node", "kv_dtype")}
    )
    bad = products(**changes)
    code, found = score(pd.concat([good.assign(timing="graph"), bad], ignore_index=True))
    assert code == 0 and scored(found) == 10
    assert said in reasons(found) and sum(u["rows"] for u in found["unscored"]) == 10


def test_a_truncated_parquet_beside_a_good_one_spoils_nothing(run: Run, products: Products, tmp_path: Path) -> None:
    products().to_parquet(tmp_path / "good.parquet")
    whole = (tmp_path / "good.parquet").read_bytes()
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "nothing.parquet").write_bytes(b"")
    code, found = run(tmp_path)
    assert code == 0 and scored(found) == 10
    assert {u["file"] for u in found["unscored"]} == {"half.parquet", "nothing.parquet"}
    assert all("cannot be read as parquet" in u["reason"] for u in found["unscored"])


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x80garbage\x00", b"a,b\n1,2,3,4\n5\n", b"device,op,dtype,measured_us\n", b"PAR1", b"\n\n\n"])
def test_garbage_in_a_csv_is_told(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    code, found = run(tmp_path / "table.csv")
    assert code == 2 and found["groups"] == [] and found["unscored"][0]["reason"]


def test_an_empty_table_is_told(score: Run, products: Products) -> None:
    code, found = score(products().iloc[:0])
    assert code == 2 and "the table is empty" in reasons(found)


@pytest.mark.parametrize("path", ["nowhere.parquet", "notes.txt", "."])
def test_a_path_that_is_no_table_is_refused(tmp_path: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("words")
    assert main(["validate", str(tmp_path / path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_columns_of_any_storage_score_alike(score: Run, products: Products) -> None:
    plain = products()
    _, first = score(plain)
    stored = plain.assign(
        device=plain["device"].astype("category"), op=plain["op"].map(str.encode), dtype=pd.Categorical(plain["dtype"]),
        m=plain["m"].astype("int32"), n=plain["n"].astype("Int32"), k=plain["k"].astype(str), measured_us=plain["measured_us"].astype("float32"),
        note=[[1, 2]] * 10, **{"Unnamed: 0": range(10)},
    )  # fmt: skip
    _, second = score(stored)
    _, third = score(plain.set_index(["device", "op"]))
    assert first["groups"] == second["groups"] == third["groups"]
    assert not first["unscored"] and not second["unscored"] and not third["unscored"]


def test_int32_columns_do_not_wrap(score: Run, products: Products) -> None:
    large = products(m=np.full(10, 65536, dtype="int32"), n=np.full(10, 65536, dtype="int32"), k=np.full(10, 65536, dtype="int32"), measured_us=1e6)
    _, wide = score(large.astype({"m": "float64", "n": "float64", "k": "float64"}))
    _, narrow = score(large)
    assert narrow["groups"] == wide["groups"]


def test_rows_may_each_have_their_own_data_type(score: Run, products: Products) -> None:
    code, found = score(products(dtype=["bf16", "fp8", "torch.float16", "FP32", "fp8-block", "int8", "nvfp4", "float8_e4m3fn", "tf32", "bfloat16"]))
    assert code == 0 and scored(found) == 10 and len(found["groups"]) == 10 and not found["unscored"]
    assert all(g["spearman"] is None and g["coverage90"] in (0.0, 1.0) for g in found["groups"])  # one row each: no rank


@pytest.mark.parametrize(
    ("op", "dimensions"),
    [
        ("BMM", {"batch": 8, "m": 64, "n": 64, "k": 64}), ("aten::addmm", {"m": 64, "n": 64, "k": 64}), ("nn.Linear", {"m": 64, "n": 64, "k": 64}),
        ("LayerNorm", {"rows": 64, "cols": 64}), ("rms_norm", {"rows": 64, "cols": 64}), ("Softmax", {"rows": 64, "cols": 64}),
        ("Conv2d", {"batch": 8, "cin": 64, "cout": 64, "in_h": 32, "kernel_h": 3}), ("AllReduce", {"message_byte": 1e6, "ranks": 8}),
        ("flash_attention", {"batch": 1, "heads": 8, "head_dim": 128, "q_len": 512}), ("swiglu", {"rows": 64, "cols": 64, "gated": True}),
    ],
)  # fmt: skip
def test_operators_are_known_by_other_names_and_keep_them(score: Run, products: Products, op: str, dimensions: dict[str, Any]) -> None:
    code, found = score(products(op=op).drop(columns=["m", "n", "k"]).assign(**dimensions))
    assert code == 0 and scored(found) == 10
    assert found["groups"][0]["op"] == op


def test_a_time_in_milliseconds_is_read_by_its_suffix(score: Run, products: Products) -> None:
    _, us = score(products())
    _, ms = score(products(measured_us=0.02).rename(columns={"measured_us": "measured_ms"}))
    assert us["groups"][0]["mape"] == pytest.approx(ms["groups"][0]["mape"])


@pytest.mark.parametrize("fidelity", ["tile", "roofline"])
def test_a_served_model_on_a_machine_without_a_fabric_is_scored_on_one_chip_alone(run: Run, tmp_path: Path, products: Products, fidelity: str) -> None:
    frame = products(op="served_tpot", device="jetson-agx-orin", served_model="llama-2-7b", prompt=128, batch=1, tp=[1.0] * 6 + [2.0] * 4, timing="eager")
    frame.to_parquet(tmp_path / "served.parquet")
    code, found = run(tmp_path / "served.parquet", "--fidelity", fidelity)
    assert code == 0 and scored(found) == 6 and reasons(found).startswith("4: ")
