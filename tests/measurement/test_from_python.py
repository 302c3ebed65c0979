"""Measuring, calibrating and validating from Python: the same as the commands do."""

from __future__ import annotations

from pathlib import Path

import pytest

import roofscape as rs
from simulator.measurement import session
from simulator.measurement.suites import suite


def test_measured_calibrated_and_validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [c for c in suite("quick", "cpu") if c.op in ("add", "gemm", "copy") and c.dtype == "fp32"]
    monkeypatch.setattr(session, "suite", lambda *_: few)
    told: list[str] = []
    out = rs.measure(tmp_path / "here.parquet", backends=["numpy"], budget_s=0.3, progress=lambda *said: told.append(said[2]))
    assert out == tmp_path / "here.parquet" and told
    made = rs.calibrate(out, tmp_path / "mine.yaml")
    assert made.errors and (tmp_path / "mine.yaml").is_file() and (tmp_path / "mine.host.json").is_file()
    assert rs.system(str(tmp_path / "mine.yaml")).chip.engine.execution == "host"
    assert len(rs.validate(out).frame) == len(few)


def test_what_is_refused_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(rs.InputError, match=r"call it here\.parquet"):
        rs.measure(tmp_path / "here.csv")
    with pytest.raises(rs.InputError, match="unknown suite"):
        rs.measure(tmp_path / "here.parquet", suite="none", backends=["numpy"])
    with pytest.raises(rs.InputError, match=r"end in \.yaml"):
        rs.calibrate(tmp_path / "here.parquet", tmp_path / "mine.json")
    (tmp_path / "trace.json").write_text('{"traceEvents": []}')
    with pytest.raises(rs.InputError, match="say what ran"):
        rs.validate(tmp_path / "trace.json")
    with pytest.raises(rs.InputError, match="one design and one kind of pass"):
        rs.validate(tmp_path / "trace.json", ran=rs.estimate("gpt2", on="h100-sxm"))
    found = rs.validate(tmp_path / "trace.json", ran=rs.estimate("gpt2", on="h100-sxm", scenario=rs.Decode(batch=1, context=128), timing="kernel"))
    assert "without kernels" in found.unscored[0].reason
