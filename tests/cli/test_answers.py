"""What a user asks on the command line, and the figures and files that come back."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[[str], Any]

KEYS = {"time_s", "ttft_s", "tpot_s", "throughput_token_per_s", "fits", "memory_byte", "bound", "operators"}
OPERATOR_KEYS = {"name", "kind", "count", "time_s", "bound", "flop", "byte"}


def test_the_first_question(run: Run) -> None:
    design = run("estimate llama-3-70b --on 8xh100-sxm --prompt 2048 --output 512 --batch 32 --tp 8 --json").json
    assert set(design) >= KEYS
    assert all(set(o) >= OPERATOR_KEYS for o in design["operators"])
    assert (design["model"], design["system"], design["chips"], design["batch"], design["tp"]) == ("llama-3-70b", "8xh100-sxm", 8, 32, 8)
    assert design["fits"]
    assert design["time_s"] == pytest.approx(design["ttft_s"] + 511 * design["tpot_s"], rel=1e-9)
    assert design["throughput_token_per_s"] == pytest.approx(32 * 512 / design["time_s"])
    assert sum(design["bounds"].values()) == pytest.approx(1)
    assert design["bound"] == max(design["bounds"], key=design["bounds"].get)


def test_keys_and_their_types_are_stable(run: Run) -> None:
    design = run("estimate llama-3-8b --on h100-sxm --phase decode --batch 8 --json").json
    kinds = {k: type(v).__name__ for k, v in design.items()}
    assert kinds == {
        "model": "str", "system": "str", "chip": "str", "chips": "float", "phase": "str", "batch": "float", "context": "float",
        "tp": "float", "pp": "float", "ep": "float", "dp": "float", "fidelity": "str", "timing": "str", "time_s": "float", "ttft_s": "NoneType",
        "tpot_s": "float", "interval90": "dict", "extrapolated": "bool",
        "throughput_token_per_s": "float", "fits": "bool", "feasible": "bool", "reason": "NoneType", "memory_byte": "float",
        "memory": "dict", "bound": "str", "bounds": "dict", "groups": "list", "operators": "list", "notes": "list", "elasticities": "dict",
    }  # fmt: skip
    kinds = {k: type(v).__name__ for k, v in design["operators"][0].items()}
    assert kinds == {"name": "str", "kind": "str", "phase": "str", "count": "float", "time_s": "float", "bound": "str", "flop": "float", "byte": "float",
                     "interval90": "list", "parts": "dict", "counts": "dict", "engine": "str", "engines": "dict"}  # fmt: skip


def test_operators_of_a_step_add_to_its_time(run: Run) -> None:
    design = run("estimate llama-3-8b --on h100-sxm --phase decode --batch 8 --json").json
    assert sum(o["count"] * o["time_s"] for o in design["operators"]) == pytest.approx(design["time_s"], rel=1e-12)


def test_several_values_are_a_list(run: Run, chip: Path, config: Path) -> None:
    """The user's own model on the user's own chip, at four batches."""
    designs = run(f"estimate {config} --on {chip} --phase decode --context 8192 --batch 1,8,32,128 --json").json
    assert [d["batch"] for d in designs] == [1, 8, 32, 128]
    assert {(d["model"], d["chip"], d["context"]) for d in designs} == {("my-model", "my-chip", 8192)}
    times = [d["time_s"] for d in designs]
    assert times == sorted(times)
    alone = run(f"estimate {config} --on {chip} --phase decode --context 8k --batch 32 --json").json
    assert alone["time_s"] == designs[2]["time_s"]
    assert alone["elasticities"] == pytest.approx(designs[2]["elasticities"], rel=1e-9, abs=1e-12)


def test_all_combinations_of_several_axes(run: Run) -> None:
    designs = run("estimate llama-3-8b --on 2xh100-sxm --phase decode --batch 1,8 --tp 1,2 --dtype bf16,fp8 --set hbm.bandwidth=3TB/s,4TB/s --json").json
    assert len(designs) == 16
    assert len({(d["batch"], d["tp"], d["time_s"]) for d in designs}) == 16


def test_images(run: Run) -> None:
    design = run("estimate resnet-50 --on a100-sxm-80gb --batch 64 --json").json
    assert (design["phase"], design["ttft_s"], design["tpot_s"]) == ("images", None, None)
    assert design["throughput_token_per_s"] == pytest.approx(64 / design["time_s"])


def test_an_encoder_runs_one_pass(run: Run) -> None:
    assert run("estimate bert-base --on t4 --prompt 128 --batch 8 --json").json["phase"] == "prefill"


def test_compare(run: Run) -> None:
    designs = run("compare llama-3-8b --on h100-sxm,mi300x,gaudi3,tpu-v5e --phase decode --batch 32 --json").json
    assert [d["system"] for d in designs] == ["h100-sxm", "mi300x", "gaudi3", "tpu-v5e"]
    assert all(set(d) >= KEYS for d in designs)
    shown = run("compare llama-3-8b --on h100-sxm,mi300x --phase decode --batch 32")
    assert shown.code == 0
    assert "h100-sxm" in shown.out
    assert "TPOT" in shown.out


@pytest.mark.parametrize(
    ("phase", "options"),
    [("prefill", "--prompt 1k"), ("decode", "--context 1k"), ("inference", "--prompt 1k --output 64"), ("mixed", "--context 1k --chunk 256")],
)
def test_phases(run: Run, phase: str, options: str) -> None:
    design = run(f"estimate llama-3-8b --on h100-sxm --phase {phase} {options} --batch 4 --json").json
    assert design["phase"] == phase
    assert (design["ttft_s"] is not None) == (phase in ("prefill", "inference"))
    assert (design["tpot_s"] is not None) == (phase != "prefill")


def test_sizes_imply_the_phase(run: Run) -> None:
    assert run("estimate llama-3-8b --on h100-sxm --context 4096 --json").json["phase"] == "decode"
    assert run("estimate llama-3-8b --on h100-sxm --chunk 256 --json").json["phase"] == "mixed"
    assert run("estimate llama-3-8b --on h100-sxm --json").json["phase"] == "inference"


def test_settings_change_the_hardware(run: Run) -> None:
    line = "estimate llama-3-8b --on h100-sxm --phase decode --json --fidelity roofline"
    base, faster = run(line).json, run(f"{line} --set hbm.bandwidth=6.7TB/s").json
    assert base["bound"] == faster["bound"] == "hbm"
    assert faster["time_s"] == pytest.approx(base["time_s"] / 2, rel=0.02)


def test_formats_of_the_cache(run: Run) -> None:
    line = "estimate llama-3-8b --on h100-sxm --phase decode --batch 64 --context 8k --json"
    base, narrow = run(line).json, run(f"{line} --kv-dtype fp8").json
    assert narrow["memory"]["state_byte"] == base["memory"]["state_byte"] / 2
    assert narrow["memory"]["weight_byte"] == base["memory"]["weight_byte"]
    assert narrow["time_s"] < base["time_s"]


def test_what_does_not_fit_says_why_and_may_spill(run: Run) -> None:
    line = "estimate llama-3-70b --on h100-sxm --phase decode --json"
    over = run(line).json
    assert (over["fits"], over["feasible"]) == (False, False)
    assert "--spill" in over["reason"]
    assert "weights" in over["reason"]
    spilled = run(f"{line} --spill").json
    assert spilled["fits"]
    assert spilled["reason"] is None
    assert spilled["memory"]["spilled_byte"] == pytest.approx(over["memory_byte"] - over["memory"]["capacity_byte"])
    assert spilled["time_s"] > over["time_s"]


@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
@pytest.mark.parametrize("timing", ["kernel", "graph", "eager"])
def test_fidelities_and_timings(run: Run, fidelity: str, timing: str) -> None:
    design = run(f"estimate llama-3-8b --on h100-sxm --phase decode --fidelity {fidelity} --timing {timing} --json").json
    assert (design["fidelity"], design["timing"]) == (fidelity, timing)


def test_elasticities_can_be_left_out(run: Run) -> None:
    assert "elasticities" not in run("estimate llama-3-8b --on h100-sxm --no-elasticities --json").json


def test_a_table_fits_a_terminal(run: Run) -> None:
    shown = run("estimate llama-3-8b --on h100-sxm --batch 8")
    assert shown.code == 0
    assert max(len(line) for line in shown.out.splitlines()) <= 140
    for word in ("TTFT", "TPOT", "time per output token", "gate_up", "weights", "hbm.bandwidth"):
        assert word in shown.out


def test_csv_and_html(run: Run, tmp_path: Path) -> None:
    table, page = tmp_path / "t.csv", tmp_path / "p.html"
    ran = run(f"estimate llama-3-8b --on h100-sxm --phase decode --batch 1,8 --csv {table} --html {page} --json")
    rows = list(csv.DictReader(table.open()))
    assert [float(r["time_s"]) for r in rows] == [d["time_s"] for d in ran.json]
    assert [r["batch"] for r in rows] == ["1.0", "8.0"]
    text = page.read_text()
    assert text.lstrip().lower().startswith("<!doctype html")
    assert "plotly" in text.lower()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.html", "t.csv"], "no temporary file is left"


def test_specs(run: Run, chip: Path) -> None:
    everything = run("specs --json").json
    assert {"h100-sxm", "mi300x", "this-machine"} <= {c["name"] for c in everything["chips"]}
    assert "nvlink4" in everything["links"]
    assert "dgx-h100" in everything["systems"]
    one = run("specs h100-sxm --json").json
    by_field = {v["field"]: v for v in one["values"]}
    assert by_field["hbm.bandwidth"]["shown"] == "3.35 TB/s"
    assert by_field["hbm.bandwidth"]["kind"] == "datasheet"
    assert all(v["source"] and v["kind"] for v in one["values"])
    assert "datasheet" in run("specs h100-sxm").out
    assert "back of an envelope" in run(f"specs {chip}").out
    assert run("specs nvlink4").code == run("specs dgx-h100").code == run("specs this-machine").code == run("specs").code == 0


def test_workloads(run: Run, config: Path) -> None:
    rows = run("workloads --json").json
    assert len(rows) >= 12
    assert all(abs(r["off"]) < 0.005 for r in rows)
    one = run("workloads llama-3-8b --json").json
    assert one["parameters"] == 8030261248
    assert {o["phase"] for o in one["operators"]} == {"prefill", "decode"}
    assert run("workloads").code == run("workloads resnet-50").code == run(f"workloads {config}").code == 0


def test_the_page_of_the_demo(run: Run, tmp_path: Path) -> None:
    ran = run(f"demo --html {tmp_path / 'demo.html'}")
    assert ran.code == 0
    assert str(tmp_path / "demo.html") in ran.out.replace("\n", "")
    assert (tmp_path / "demo.html").stat().st_size > 10_000


def test_this_machine(run: Run) -> None:
    assert run("estimate gpt2 --on this-machine --prompt 16 --output 4 --json").json["time_s"] > 0


def test_what_is_printed_is_what_python_returns(run: Run) -> None:
    import roofscape as rs

    ours = rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=8, context=4096))
    printed = run("estimate llama-3-8b --on h100-sxm --phase decode --batch 8 --context 4096 --no-elasticities --json").json
    assert printed == json.loads(json.dumps(ours.to_dict()))


def test_speculation_prefixes_and_eviction(run: Run) -> None:
    ran = run("estimate llama-3-70b --on 4xh100-sxm --phase decode --draft llama-3.2-1b --acceptance 0.8 --json --no-elasticities")
    found, alone = json.loads(ran.out), json.loads(run("estimate llama-3-70b --on 4xh100-sxm --phase decode --json --no-elasticities").out)
    assert found["speculate"] == 4
    assert found["speculation_speedup"] == pytest.approx(alone["tpot_s"] / found["tpot_s"])
    assert 1 < found["speculation_speedup"] < (1 - 0.8**5) / 0.2
    times = [d["time_s"] for d in json.loads(run("estimate llama-3-8b --on h100-sxm --phase prefill --cached-prompt 0,1k,0.9 --json --no-elasticities").out)]
    assert times == sorted(times, reverse=True)
    held = [
        d["memory"]["state_byte"] for d in json.loads(run("estimate llama-3-8b --on h100-sxm --phase decode --kv-keep 512,1k --json --no-elasticities").out)
    ]
    assert held[1] == 2 * held[0]


def test_zeros_among_weights(run: Run) -> None:
    ask = "estimate llama-3-8b --on h100-sxm --phase decode --json"
    dense, structured = (json.loads(run(f"{ask}{more}").out) for more in ("", " --sparsity 2:4"))
    assert structured["memory"]["weight_byte"] / dense["memory"]["weight_byte"] == pytest.approx(1.125 / 2)
    designs = json.loads(run(f"{ask} --sparsity 0,0.8 --batch 1,4").out)
    assert [d["sparsity"] for d in designs] == [0, 0.8, 0, 0.8]
    assert run("estimate llama-3-8b --on h100-sxm --sparsity 3:4").code == 2


def test_adapters(run: Run) -> None:
    plain, adapted = (json.loads(run(f"estimate llama-3-8b --on h100-sxm --phase decode --json{more}").out) for more in ("", " --lora rank=16,adapters=8"))
    assert adapted["memory"]["weight_byte"] > plain["memory"]["weight_byte"]
    assert adapted["time_s"] > plain["time_s"]
    assert run("estimate llama-3-8b --on h100-sxm --lora rank=x").code == 2
    less = json.loads(run("estimate llama-3-8b --on h100-sxm --phase decode --json --lora rank=16,adapters=8,on=qkv+out").out)
    assert plain["time_s"] < less["time_s"] < adapted["time_s"]
    assert run("estimate llama-3-8b --on h100-sxm --lora rank=16,on=head").code == 2
