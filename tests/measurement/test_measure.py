"""Does `roofscape measure` run real kernels, keep what it measured, and go on where it was stopped?"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roofscape.cli import main
from simulator.measurement import repeats, session, trace
from simulator.measurement.cases import Case, case
from simulator.measurement.environment import MeasurementError
from simulator.measurement.numpy_kernels import KERNELS, NumpyBackend
from simulator.measurement.repeats import Times
from simulator.measurement.session import Plan, measure, plan
from simulator.measurement.suites import SUITES, suite
from simulator.measurement.torch_kernels import load_torch
from simulator.measurement.work import copies_of
from simulator.validation.checks import checked
from simulator.validation.files import read_table

FEW = [case("gemm", "fp32", m=8, n=8, k=8), case("add", "fp32", rows=4, cols=8), case("softmax", "fp32", rows=4, cols=8), case("exp", "fp32", rows=2, cols=8)]


def small_plan(monkeypatch: pytest.MonkeyPatch, rounds: int = 1) -> Plan:
    """A session of four small kernels."""
    monkeypatch.setattr(session, "suite", lambda name, device: FEW)
    return Plan("cpu", "quick", (NumpyBackend(cache_byte=2.0**12),), ("eager",), "this-machine", 1e3, rounds, {"processor": "any"})


def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kernel takes a microsecond."""
    monkeypatch.setattr(session, "host_clock", lambda call, sets: lambda: (1e-6, False))


def test_the_quick_suite_gives_a_table_that_validation_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "here.parquet"
    monkeypatch.setattr("simulator.measurement.numpy_kernels.last_cache_byte", lambda: 2.0**20)  # fewer copies: quicker
    assert main(["measure", "--suite", "quick", "--backend", "numpy", "--budget", "0.3", "--out", str(out)]) == 0
    table = checked(read_table(out))
    assert not table.unscored
    assert set(table.frame["op"]) >= {
        "gemm",
        "bmm",
        "attn_prefill",
        "attn_decode",
        "add",
        "softmax",
        "layernorm",
        "rmsnorm",
        "conv_fwd",
        "copy",
        "triad",
        "embedding",
    }
    found = trace.read_trace(out)
    assert int(found.environment["cores"]) >= 1
    assert found.environment["numpy"] == np.__version__
    assert all(r["p10_us"] <= r["measured_us"] <= r["p90_us"] and r["repeats"] >= 3 and r["copies"] >= 1 for r in found.rows)
    assert not trace.partial_path(out).exists()


def test_every_suite_has_every_case_once_and_layers_of_three_models() -> None:
    for name in SUITES:
        for device in ("cpu", "cuda"):
            cases = suite(name, device)
            assert len(cases) == len(set(cases)) > 0
    assert len({c["hidden"] for c in suite("layer", "cpu")}) == 3
    assert {c["q_len"] == 1 for c in suite("layer", "cuda")} == {True, False}


@pytest.mark.parametrize("op", sorted({c.op for c in suite("full", "cpu")} & set(KERNELS)))
def test_every_kernel_of_numpy_computes_what_it_is_named_after(op: str) -> None:
    like = next(c for c in suite("full", "cpu") if c.op == op and c.dtype == "fp32")
    small = {"entries": 64, "hidden": 32, "inter": 64, "heads": 4, "kv_heads": 2, "head_dim": 8, "in_h": 8, "kv_len": 8}
    sizes = tuple((n, min(v, small.get(n, 6)) if n != "q_len" else min(v, 8)) for n, v in like.sizes)
    work = NumpyBackend().work(Case(op, "fp32", sizes))
    buffers = work.buffers()
    before = [b.copy() for b in buffers]
    result = work.call(*buffers)
    out = result if op == "layer" else buffers[-1]
    assert np.isfinite(out).all()
    expected = {
        "gemm": lambda a, b, _: a @ b, "bmm": lambda a, b, _: a @ b, "add": lambda a, b, _: a + b, "sub": lambda a, b, _: a - b, "mul": lambda a, b, _: a * b,
        "div": lambda a, b, _: a / b, "addu": lambda a, _: a + 1.5, "mulu": lambda a, _: a * 1.5, "relu": lambda a, _: np.maximum(a, 0),
        "exp": lambda a, _: np.exp(a),
        "tanh": lambda a, _: np.tanh(a), "copy": lambda a, _: a, "triad": lambda b, c, _: b + 3.0 * c, "sigmoid": lambda a, _: 1 / (1 + np.exp(-a)),
        "silu": lambda a, _: a / (1 + np.exp(-a)), "gelu": lambda a, _: 0.5 * a * (1 + np.tanh(0.7978845608 * (a + 0.044715 * a**3))),
        "softmax": lambda a, _: np.exp(a) / np.exp(a).sum(-1, keepdims=True),
        "rmsnorm": lambda a, s, _: a / np.sqrt((a * a).mean(-1, keepdims=True) + 1e-5) * s,
        "layernorm": lambda a, s, b, _: (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + 1e-5) * s + b,
    }  # fmt: skip
    if op in expected:
        np.testing.assert_allclose(out, expected[op](*before), rtol=2e-4, atol=1e-5)


def test_attention_of_numpy_is_causal_attention() -> None:
    work = NumpyBackend().work(case("attn_prefill", "fp32", batch=1, heads=4, kv_heads=2, head_dim=8, q_len=5, kv_len=5))
    q, k, v, scores, out = work.buffers()
    work.call(q, k, v, scores, out)
    rows = q.reshape(1, 2, 2, 5, 8)[0, 1, 1]  # the second head of the second group
    weights = np.exp(rows @ k[0, 1].T * 8**-0.5) * np.tril(np.ones((5, 5)))
    np.testing.assert_allclose(out.reshape(1, 2, 2, 5, 8)[0, 1, 1], weights / weights.sum(-1, keepdims=True) @ v[0, 1], rtol=1e-4, atol=1e-5)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_clock(monkeypatch)
    how = small_plan(monkeypatch, rounds=2)
    whole = trace.read_trace(measure(how, tmp_path / "whole.parquet")).rows
    stopped, calls = tmp_path / "stopped.parquet", count()
    real = session.row_of

    def killed(*arguments: Any) -> dict[str, Any]:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(session, "row_of", killed)
    with pytest.raises(KeyboardInterrupt):
        measure(how, stopped)
    assert not stopped.exists()
    partial = trace.partial_path(stopped)
    assert len(partial.read_text().splitlines()) == 1 + 5
    partial.write_text(partial.read_text() + '{"op": "gem')  # killed in the middle of a line
    rows = trace.read_trace(measure(how, stopped)).rows
    assert rows == whole
    assert next(calls) == 5 + 1 + 3  # none was measured twice
    assert len(rows) == len(FEW)
    assert all(r["rounds"] == 2.0 for r in rows)


def test_a_finished_trace_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_clock(monkeypatch)
    how = small_plan(monkeypatch)
    out = measure(how, tmp_path / "here.parquet")
    first = trace.read_trace(out).rows
    monkeypatch.setattr(session, "row_of", lambda *_: pytest.fail("measured again"))
    assert trace.read_trace(measure(how, out)).rows == first


def test_another_environment_does_not_continue_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_clock(monkeypatch)
    how = small_plan(monkeypatch)
    out = measure(how, tmp_path / "here.parquet")
    with pytest.raises(MeasurementError, match=r"another environment \(different: processor\)"):
        measure(replace(how, environment={"processor": "other"}), out)


def test_a_kernel_that_fails_is_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_clock(monkeypatch)
    how, real = small_plan(monkeypatch), session.row_of

    def some_fail(plan: Plan, job: Any, budget_s: float) -> dict[str, Any]:
        if job.case.op in broken:
            raise RuntimeError("out of memory\nat length")
        return real(plan, job, budget_s)

    monkeypatch.setattr(session, "row_of", some_fail)
    broken = {"gemm"}
    found = trace.read_trace(measure(how, tmp_path / "some.parquet"))
    assert [r["op"] for r in found.rows] == ["add", "softmax", "exp"]
    assert found.environment["skipped"] == "numpy gemm fp32: out of memory"
    broken = set()
    again = trace.read_trace(measure(how, tmp_path / "some.parquet"))
    assert len(again.rows) == 4
    assert "skipped" not in again.environment
    broken = {"gemm", "add", "softmax", "exp"}
    with pytest.raises(MeasurementError, match="no kernel could be measured: numpy gemm fp32: out of memory"):
        measure(how, tmp_path / "none.parquet")


def test_the_fastest_round_counts() -> None:
    rows = [{"op": "add", "round": i, "measured_us": us, "repeats": 3.0} for i, us in enumerate((3.0, 2.0, 4.0))]
    best = trace.best_rounds(rows)
    assert best == [{"op": "add", "round": 1, "measured_us": 2.0, "repeats": 3.0, "rounds": 3.0, "round_spread": 1.0}]


def test_disturbed_repeats_are_left_out_where_enough_others_are_there() -> None:
    quiet = Times((1.0, 1.0, 1.1, 9.0, 9.0), (False, False, False, True, True))
    assert quiet.statistics()["measured_us"] == pytest.approx(1e6)
    assert quiet.statistics()["disturbed"] == 2.0
    noisy = Times((1.0, 9.0, 9.0, 9.0, 9.0), (False, True, True, True, True))
    assert noisy.statistics()["measured_us"] == pytest.approx(9e6)


def test_repeating_stops_when_the_median_is_steady_or_the_time_is_up() -> None:
    assert len(repeats.repeat(lambda: (1.0, False), 1e9, now=lambda: 0.0).call_s) == repeats.FEWEST
    uneven, clock = count(), count()
    assert len(repeats.repeat(lambda: (float(next(uneven) % 5 + 1), False), 20.0, now=lambda: float(next(clock))).call_s) == 20
    assert len(repeats.repeat(lambda: (float(next(uneven) % 5 + 1), False), 1e9, now=lambda: 0.0).call_s) == repeats.MOST


def test_copies_exceed_the_cache_and_warm_cases_stay_in_it() -> None:
    cold = case("add", "fp32", rows=512, cols=512)
    work = NumpyBackend().work(cold)
    assert work.byte == 3 * 512 * 512 * 4
    assert copies_of(cold, work, 2.0**25) * work.byte > 2.0 * 2.0**25
    assert copies_of(replace(cold, warm=True), work, 2.0**25) == 1
    assert copies_of(case("add", "fp32", rows=1, cols=4), replace(work, byte=48.0), 2.0**25) == 256


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--suite", "quik"], "did you mean quick"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--backend", "jax"], "unknown backend 'jax'"),
        (["--timing", "graph"], "--timing eager is the only context"),
        (["--device", "cuda", "--backend", "numpy"], "numpy runs on processors only"),
        (["--device", "gpu", "--backend", "numpy"], "numpy runs on processors only"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_remedy(arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--out", str(tmp_path / "x.parquet"), *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_gpu_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        if load_torch().cuda.is_available():
            pytest.skip("this machine has a GPU")
    except MeasurementError:
        pass
    assert main(["measure", "--device", "cuda", "--out", str(tmp_path / "x.parquet")]) == 2
    error = capsys.readouterr().err
    assert "pip install 'roofscape[torch]'" in error or "PyTorch sees no GPU here" in error


def test_a_place_that_cannot_be_written_is_refused_before_measuring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--out", str(tmp_path / "no" / "x.parquet")]) == 2
    assert "create it first" in capsys.readouterr().err
    assert main(["measure", "--out", str(tmp_path / "x.csv")]) == 2
    assert "call it x.parquet" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["measure", "--out", str(tmp_path / "x.parquet"), "--budget", "-1"])


def test_a_partial_file_of_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how, out = small_plan(monkeypatch), tmp_path / "here.parquet"
    trace.partial_path(out).write_text("not ours\n")
    with pytest.raises(MeasurementError, match="no unfinished trace"):
        measure(how, out)
    trace.partial_path(out).write_text(json.dumps(how.environment) + "\n{broken\n" + json.dumps({"op": "add"}) + "\n")
    with pytest.raises(MeasurementError, match="line 2 is broken"):
        measure(how, out)


def test_plans_name_the_machine_and_its_libraries() -> None:
    made = plan("cpu", "layer", ["numpy"])
    assert made.name == "this-machine"
    assert made.timings == ("eager",)
    assert {"processor", "cores", "clock_hz", "numpy", "blas", "heap", "date", "scheduling"} <= set(made.environment)
    assert not any("/" in value and Path(value.split()[0]).exists() for value in made.environment.values())
