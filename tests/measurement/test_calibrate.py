"""Does `roofscape calibrate` make a spec that says what was measured, and corrections that serve on kernels that it has not seen?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware_specs.catalog import find, find_system
from hardware_specs.schema import Chip, HostEngine
from roofscape.cli import main
from simulator.calibration.least_squares import least_squares
from simulator.host.library import library
from simulator.measurement import trace
from simulator.measurement.ceilings import product_rates
from simulator.measurement.environment import MeasurementError
from simulator.measurement.judgement import seen
from simulator.measurement.trace import Trace
from simulator.validation.run import Options, validate

TRACE = Path(__file__).parents[1] / "validation" / "measured" / "epyc-2core.parquet"
TARGET = 0.12  # mean over groups of MAPE, on the rows that the fit has not seen


@pytest.fixture(scope="module")
def measured() -> Trace:
    """Our own trace of a machine with two cores."""
    return trace.read_trace(TRACE)


@pytest.fixture(scope="module")
def calibrated(measured: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec made from a third of the rows; the others lie beside it."""
    folder = tmp_path_factory.mktemp("calibrated")
    for name, chosen in (("seen", True), ("rest", False)):
        trace.finish(folder / f"{name}.parquet", measured.environment, [r for r in measured.rows if seen(r) == chosen])
    assert main(["calibrate", str(folder / "seen.parquet"), "--spec", str(folder / "two-cores.yaml")]) == 0
    return folder


def test_rows_that_the_fit_has_not_seen_are_predicted(calibrated: Path, measured: Trace) -> None:
    result = validate(calibrated / "rest.parquet", Options(on=str(calibrated / "two-cores.yaml")))
    assert not result.unscored
    assert 0.6 * len(measured.rows) < len(result.frame) < 0.73 * len(measured.rows)
    errors = {(s.source, s.op, s.dtype): s.mape for s in result.scores}
    print({f"{source.removeprefix('measured-')} {op} {dtype}": round(mape, 3) for (source, op, dtype), mape in errors.items()})
    assert len(errors) == 52
    assert np.mean(list(errors.values())) <= TARGET
    ranks = [s.spearman for s in result.scores if s.spearman is not None]
    assert min(ranks) > 0.9
    assert np.mean(ranks) >= 0.97


def test_without_calibration_the_same_rows_are_further_off(calibrated: Path) -> None:
    plain = calibrated / "plain.yaml"
    plain.write_text("\n".join(line for line in (calibrated / "two-cores.yaml").read_text().splitlines() if not line.startswith("fits:")))
    roofs = validate(calibrated / "rest.parquet", Options(on=str(plain), fidelity="roofline"))
    assert np.mean([s.mape for s in roofs.scores]) > 2.0 * TARGET


def test_the_spec_says_what_was_measured_and_where(calibrated: Path, measured: Trace) -> None:
    entry = find(str(calibrated / "two-cores.yaml"))
    chip = entry.spec
    assert isinstance(chip, Chip)
    assert isinstance(chip.engine, HostEngine)
    assert chip.engine.cores == 2.0
    assert [t.name for t in chip.tiers] == ["l2", "llc", "ddr"]
    bandwidths = [t.bandwidth_byte_per_s for t in chip.tiers]
    assert bandwidths == sorted(bandwidths, reverse=True)  # type: ignore[type-var]
    copies = [2.0 * 4.0 * r["rows"] * r["cols"] / (r["measured_us"] * 1e-6) for r in measured.rows if r["op"] == "copy" and r["rows"] * r["cols"] >= 2**24]
    assert bandwidths[-1] >= 0.9 * max(copies)  # type: ignore[operator]
    assert entry.citations["tiers.ddr.bandwidth"].kind == "measured"
    assert "seen.parquet, 2026-11-25" in entry.citations["tiers.ddr.bandwidth"].source
    assert chip.engine.matrix_flop_per_s["bf16"] > chip.engine.vector_flop_per_s["fp32"] > chip.engine.vector_flop_per_s["fp64"]  # type: ignore[operator]
    assert Path(chip.fits) == calibrated / "two-cores.host.json"


def test_fits_have_provenance_and_are_used(calibrated: Path) -> None:
    fits = json.loads((calibrated / "two-cores.host.json").read_text())
    assert fits["provenance"]["date"] == "2026-11-25"
    assert fits["provenance"]["environment"]["torch"].startswith("2.13")
    assert all(0.0 < e < 0.5 for e in fits["provenance"]["error"]["in_sample_mape"].values())
    path = str(calibrated / "two-cores.host.json")
    assert library("numpy", path)["call_s"] == fits["coefficients"]["numpy.call_s"] != library("numpy")["call_s"]


def test_a_calibrated_machine_answers_for_a_model(calibrated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "llama-3.2-1b", "--on", str(calibrated / "two-cores.yaml"), "--phase", "decode", "--context", "128", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    memory = find_system(str(calibrated / "two-cores.yaml")).chip.tiers[-1].bandwidth_byte_per_s
    floor_ms = 2.47e9 / memory * 1e3  # weights in bf16, read once  # type: ignore[operator]
    step_ms = next(v for k, v in answer.items() if k.startswith("tpot"))
    assert answer["fidelity"] == "tile"
    assert floor_ms / 1e3 < step_ms / (1.0 if step_ms < 10.0 else 1e3) < 20.0 * floor_ms / 1e3


def rows_of(measured: Trace, tmp_path: Path, keep: Any, environment: dict[str, str] | None = None) -> str:
    """A trace with some of the rows."""
    out = tmp_path / "some.parquet"
    trace.finish(out, environment or measured.environment, [r for r in measured.rows if keep(r)])
    return str(out)


def test_little_of_a_trace_moves_little(measured: Trace, tmp_path: Path) -> None:
    few = rows_of(measured, tmp_path, lambda r: r["op"] in ("gemm", "copy") and r["library"] == "numpy" and seen(r))
    assert main(["calibrate", few, "--spec", str(tmp_path / "few.yaml")]) == 0
    fits = json.loads((tmp_path / "few.host.json").read_text())["coefficients"]
    assert any(p.startswith("numpy.products.fp32") for p in fits)
    assert not any(p.startswith(("torch.", "numpy.rows")) for p in fits)


def test_bad_traces_are_refused_with_the_remedy(measured: Trace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(path: str, spec: str = "x.yaml") -> str:
        assert main(["calibrate", path, "--spec", str(tmp_path / spec)]) == 2
        assert not (tmp_path / spec).exists()
        return capsys.readouterr().err

    short = tmp_path / "short.parquet"
    short.write_bytes(TRACE.read_bytes()[:5000])
    assert "may be cut short" in refused(str(short))
    assert "no such file" in refused(str(tmp_path / "none.parquet"))
    assert "should end in .yaml" in refused(str(TRACE), "x.txt")
    assert "create it first" in refused(str(TRACE), "no/x.yaml")
    assert "no product in fp32" in refused(rows_of(measured, tmp_path, lambda r: r["op"] == "copy"))
    assert "measured on a GPU (H1)" in refused(rows_of(measured, tmp_path, lambda r: r["op"] == "copy", {"gpu": "H1"}))
    lacking = {k: v for k, v in measured.environment.items() if k != "lanes"}
    assert "does not say what its processor is ('lanes')" in refused(rows_of(measured, tmp_path, lambda r: r["op"] == "gemm", lacking))
    import pandas as pd

    pd.DataFrame({"op": ["add"]}).to_parquet(tmp_path / "other.parquet")
    assert "not written by `roofscape measure`" in refused(str(tmp_path / "other.parquet"))


def test_a_spec_whose_fits_are_gone_or_broken_says_so(calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "two-cores.yaml"
    spec.write_text((calibrated / "two-cores.yaml").read_text())
    question = ["estimate", "llama-3.2-1b", "--on", str(spec), "--phase", "decode"]
    assert main(question) == 2
    assert "two-cores.host.json: no such file, although a spec names it under 'fits'" in capsys.readouterr().err
    (tmp_path / "two-cores.host.json").write_text('{"provenance": {}, "coefficients": {"numpy.no.such": 1.0}}')
    assert main(question) == 2
    assert "'numpy.no.such' is no constant" in capsys.readouterr().err


def test_winograd_is_no_ceiling() -> None:
    import pandas as pd

    base = {"library": "torch", "dtype": "fp32", "batch": 1.0, "cin": 1.0, "cout": 1.0, "in_h": 4.0, "pad_h": 0.0, "stride_h": 1.0}
    rows = [{**base, "op": "conv_fwd", "kernel_h": k, "measured_us": us} for k, us in ((3.0, 1e-3), (1.0, 1.0))]
    rows.append({"op": "gemm", "dtype": "fp32", "library": "numpy", "m": 2.0, "n": 2.0, "k": 2.0, "measured_us": 1.0})
    assert product_rates(pd.DataFrame(rows))["fp32"].per_s == pytest.approx(2.0 * 16.0 / 1e-6)
    with pytest.raises(MeasurementError):
        product_rates(pd.DataFrame([{**rows[-1], "dtype": "bf16"}]))


def test_least_squares_finds_a_curve() -> None:
    x = np.linspace(0.0, 2.0, 20)
    y = 3.0 * np.exp(-1.5 * x)
    found = least_squares(lambda p: np.exp(p[0]) * np.exp(-np.exp(p[1]) * x) - y, np.zeros(2), steps=60, enough=1e-12)
    np.testing.assert_allclose(np.exp(found), [3.0, 1.5], rtol=1e-4)


def test_judging_a_trace_is_one_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", str(TRACE), "--judge"]) == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("mean over 52 groups: ")
    assert float(last.split()[-1].rstrip("%")) <= 100.0 * TARGET
    assert not list(tmp_path.iterdir())


def test_a_spec_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(TRACE)]) == 2
    assert "--spec this_machine.yaml" in capsys.readouterr().err
