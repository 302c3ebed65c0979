"""Input that cannot be used: exit code 2, one clear message with the remedy, never a traceback, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roofscape.cli import main

Run = Callable[[str], Any]
ASK = "estimate llama-3-8b --on h100-sxm"


def check(ran: Any, *says: str) -> None:
    assert ran.code == 2, ran.out[:300]
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for text in says:
        assert text in ran.err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("estimate llama-3-8c --on h100-sxm", ["unknown model 'llama-3-8c'", "did you mean llama-3-8b"]),
        ("estimate '' --on h100-sxm", ["name is empty"]),
        (f"estimate {'x' * 5000} --on h100-sxm", ["unknown model"]),
        ("estimate llama-3-8b --on h100-smx", ["unknown machine 'h100-smx'", "did you mean h100-sxm"]),
        ("estimate llama-3-8b --on ' '", ["name is empty"]),
        ("estimate llama-3-8b", ["--on"]),
        ("estimate llama-3-8b --on nvlink4", ["nvlink4 is a link, not a machine"]),
        ("estimate llama-3-8b --on 0xh100-sxm", ["at least one"]),
        ("estimate llama-3-8b --on 99999999999999999999999xh100-sxm", ["whole number"]),
        ("estimate llama-3-8b --on none.yaml", ["none.yaml", "No such file"]),
        ("estimate none.json --on h100-sxm", ["none.json", "No such file"]),
        ("specs h1000", ["unknown machine", "h100-sxm"]), ("workloads llama", ["unknown model", "llama-3-8b"]),
        ("compare llama-3-8b --on h100-sxm,,mi300x", ["empty place"]), ("compare llama-3-8b --on ,", ["empty place"]),
        ("estimat llama-3-8b", ["invalid choice", "did you mean estimate"]),
        ("", ["COMMAND"]), (f"{ASK} --bacth 3", ["--bacth", "did you mean --batch", "usage: roofscape estimate"]),
    ],
)  # fmt: skip
def test_names(run: Run, line: str, says: list[str]) -> None:
    check(run(line), *says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--batch ,", ["list of numbers"]), ("--batch ''", ["list of numbers"]), ("--batch 1,,2", ["list of numbers"]), ("--batch eight", ["list of numbers"]),
        ("--batch 1kk", ["list of numbers"]), ("--batch 0x10", ["list of numbers"]), ("--batch 1e400", ["batch is inf"]), ("--batch nan", ["batch is nan"]),
        ("--batch 0", ["batch is 0", "from 1"]), ("--batch=-5", ["batch is -5"]), ("--batch 0.5", ["batch is 0.5"]), ("--batch 1e300", ["batch is 1e+300"]),
        ("--batch 1,-2", ["batch is -2"]), ("--batch 1,nan", ["batch is nan"]), ("--context=-5", ["context is -5", "from 0"]), ("--prompt 0", ["prompt is 0"]),
        ("--output 0", ["output is 0"]), ("--chunk 0", ["chunk is 0"]), ("--phase decod", ["invalid choice: 'decod'", "did you mean decode"]),
        ("--phase images", ["has no phase 'images'", "prefill, decode"]), ("--phase decode --prompt 100", ["--prompt has no meaning in phase decode"]),
        ("--phase decode --chunk 4", ["--chunk has no meaning", "--phase mixed"]), ("--context 4096 --prompt 3", ["--context has no meaning"]),
    ],
)  # fmt: skip
def test_sizes(run: Run, options: str, says: list[str]) -> None:
    check(run(f"{ASK} {options}"), *says)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("estimate bert-base --on h100-sxm --phase decode", ["bert-base has no phase 'decode'"]),
        ("estimate bert-base --on h100-sxm --context 4", ["--context has no meaning in phase prefill"]),
        ("estimate resnet-50 --on h100-sxm --phase prefill", ["resnet-50 has no phase 'prefill'", "images"]),
        ("estimate resnet-50 --on h100-sxm --prompt 8", ["--prompt has no meaning in phase images"]),
        ("estimate resnet-50 --on 2xh100-sxm --tp 2", ["--dp"]),
    ],
)
def test_phases_that_a_model_does_not_have(run: Run, line: str, says: list[str]) -> None:
    check(run(line), *says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--tp 3", ["--tp 3 does not divide the 32 attention heads", "1, 2, 4, 8, 16, 32"]), ("--tp 0", ["--tp is 0"]), ("--tp=-1", ["--tp is -1"]),
        ("--tp 1.5", ["--tp is 1.5", "whole number"]), ("--tp nan", ["--tp is nan"]), ("--tp inf", ["--tp is inf"]), ("--tp 1e30", ["--tp is 1e+30"]),
        ("--tp 0,2", ["--tp is 0"]), ("--tp 2,2.5", ["--tp is 2.5"]), ("--pp 5", ["does not divide the 32 layers"]), ("--dp 0", ["--dp is 0"]),
        ("--tp 16", ["16 chips", "has 8", "16xh100-sxm"]), ("--tp 8 --pp 2", ["16 chips"]), ("--dp 9", ["9 chips"]), ("--ep 2", ["experts"]),
    ],
)  # fmt: skip
def test_degrees(run: Run, options: str, says: list[str]) -> None:
    check(run(f"estimate llama-3-8b --on 8xh100-sxm {options}"), *says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--dtype fp7", ["unknown data type 'fp7'", "did you mean fp8"]), ("--dtype ,", ["empty place"]), ("--dtype ''", ["empty place"]),
        ("--kv-dtype fp9", ["unknown data type"]), ("--kv-dtype ''", ["name is empty"]), ("--activation-dtype x", ["unknown data type 'x'"]),
        ("--fidelity tyle", ["unknown fidelity 'tyle'", "did you mean tile"]), ("--timing grap", ["unknown timing 'grap'", "did you mean graph"]),
    ],
)  # fmt: skip
def test_formats_and_estimators(run: Run, options: str, says: list[str]) -> None:
    check(run(f"{ASK} {options}"), *says)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("hbm.bandwidth=", ["PATH=VALUE"]), ("hbm.bandwidth", ["PATH=VALUE"]), ("=1", ["PATH=VALUE"]), ("hbm.bandwidth=,", ["empty place"]),
        ("hbm.bandwidth=-1TB/s", ["hbm.bandwidth is set to -1e+12", "more than zero"]), ("hbm.bandwidth=0TB/s", ["more than zero"]),
        ("hbm.bandwidth=1TB/s,-1TB/s", ["set to -1e+12"]), ("hbm.bandwidth=1e300TB/s", ["too large"]), ("hbm.bandwidth=1e40TB/s", ["at most"]),
        ("hbm.bandwidth=nanTB/s", ["no number in 'nanTB/s'"]), ("hbm.bandwidth=fast", ["no number"]), ("hbm.bandwidth=1TB", ["has unit byte"]),
        ("hbm.bandwidth=1", ["has no unit"]), ("hbm.bandwidth=1XB/s", ["unknown unit 'XB'"]), ("hbm.bandwith=1TB/s", ["did you mean hbm.bandwidth"]),
        ("hmb.bandwidth=1TB/s", ["did you mean hbm.bandwidth"]), ("bogus=1", ["unknown field 'bogus'"]), ("tdp=0W", ["more than zero"]),
        ("sm.multiprocessors=0", ["more than zero"]), ("sm.clock=0Hz", ["more than zero"]), ("hbm.latency=-1ns", ["zero or more"]),
        ("sm.matrix.fp7=1TFLOP/s", ["unknown field", "sm.matrix"]),
        ("hbm.bandwidth=1TB/s --set hbm.bandwidth=2TB/s", ["given twice", "hbm.bandwidth=1TB/s,2TB/s"]),
    ],
)  # fmt: skip
def test_settings(run: Run, setting: str, says: list[str]) -> None:
    check(run(f"{ASK} --set {setting}"), *says)


def test_a_latency_may_be_zero(run: Run) -> None:
    assert run(f"{ASK} --set hbm.latency=0s --json").json["time_s"] > 0


@pytest.mark.parametrize("option", ["--csv", "--html"])
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/no/such/folder/x", "there is no folder /no/such/folder"), ("/", "it is a folder"), ("''", "name is empty"), ("/proc/x", "cannot write /proc/x"),
        ("/" + "x" * 400, "cannot write"), ("/dev/null/x", "there is no folder"),
    ],
)  # fmt: skip
def test_outputs_that_cannot_be_written(run: Run, option: str, path: str, says: str) -> None:
    check(run(f"{ASK} {option} {path}"), says)


def test_a_folder_without_permission(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root everything may be written; so the system's answer is given here."""
    monkeypatch.setattr("os.access", lambda *_: False)
    check(run(f"{ASK} --csv {tmp_path / 'x.csv'}"), "no permission")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left_out", ["hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size", "model_type"])
def test_a_configuration_lacking_a_field(run: Run, tmp_path: Path, config_fields: dict[str, Any], left_out: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({k: v for k, v in config_fields.items() if k != left_out}))
    check(run(f"estimate {path} --on h100-sxm"), str(path), left_out, "missing")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "lama"}, "did you mean llama"), ({"model_type": ["llama"]}, "not known"), ({"hidden_size": -1}, "hidden_size is -1"),
        ({"hidden_size": "big"}, "hidden_size is 'big'"), ({"num_hidden_layers": 2.5}, "whole number"), ({"vocab_size": 1e400}, "vocab_size is inf"),
        ({"num_attention_heads": 17}, "not a multiple"),
    ],
)  # fmt: skip
def test_a_configuration_with_a_wrong_field(run: Run, tmp_path: Path, config_fields: dict[str, Any], change: dict[str, Any], says: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config_fields | change))
    check(run(f"estimate {path} --on h100-sxm"), str(path), says)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x17", b"[1, 2]", b"{", b"3", b"[" * 100_000], ids=["empty", "binary", "list", "open", "number", "deep"])
def test_files_that_are_no_configuration(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    check(run(f"estimate {tmp_path / 'x.json'} --on h100-sxm"), "x.json")
    (tmp_path / "folder.json").mkdir()
    check(run(f"estimate {tmp_path / 'folder.json'} --on h100-sxm"), "Is a directory")


BOMB = "\n".join([f"a0: &a0 [{', '.join('x' * 9)}]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)), "title: *a8", "tiers: *a8"])


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\x17", b"- 1\n- 2\n", b"a: [", b"3", b"[" * 5000, BOMB.encode(), b"a: &x {b: *x}\n", b"!!python/object:os.system x"]
)
def test_files_that_are_no_spec(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    ran = run(f"estimate llama-3-8b --on {tmp_path / 'x.yaml'}")
    check(ran, "x.yaml")
    assert len(ran.err) < 5000
    (tmp_path / "folder.yaml").mkdir()
    check(run(f"estimate llama-3-8b --on {tmp_path / 'folder.yaml'}"), "Is a directory")


def test_three_mistakes_of_a_spec_are_told_at_once(run: Run, tmp_path: Path, chip_text: str) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(chip_text.replace("2.5 TB/s", "2.5 TB").replace("clock: 1.5 GHz", "clok: 1.5 GHz").replace("beside: [l2, hbm]", "beside: [l2, hmb]"))
    ran = run(f"estimate llama-3-8b --on {path}")
    check(ran, str(path), "tiers.hbm.bandwidth", "engines.core.clok: unknown field; did you mean clock", "there is no tier 'hmb'; did you mean hbm")
    assert "mistakes" in ran.err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("capacity: 96 GB", "capacity: -96 GB", "is negative"), ("capacity: 96 GB", "capacity: .nan", "no number"),
        ("capacity: 96 GB", "capacity: 0 GB", "is zero"),
        ("capacity: 96 GB", "capacity: [96 GB]", "not a list"), ("capacity: 96 GB", "capacity: ", "tiers.hbm.capacity: missing"),
        ("source: back of an envelope\n", "", "no source"), ("execution: kernel", "execution: kernal", "did you mean kernel"),
        ("fabric: [{link: pcie5-x16, chips: 8}]", "fabric: 5", "should be a list of levels"), ("link: pcie5-x16", "link: nolink9", "unknown"),
        ("link: pcie5-x16", "link: t4", "is a chip, not a link"), ("chips: 8", "chips: many", "should be a list of levels"),
        ("name: my-chip", "", "name: missing"),
        ("source: back of an envelope", "source: x\nsources: [1]", "sources: should be a mapping"),
        ("capacity: 96 GB", "capacity: 96 GB @nowhere", "nowhere"),
        ("source: back of an envelope", "source: x\nsources: {a: {kind: datasheet}}", "sources.a: needs a title"),
        ("source: back of an envelope", "source: x\nsources: {a: {kind: rumour, title: b}}", "sources.a: needs a title and a kind out of"),
        ("source: back", "like: h100-smx\nsource: back", "unknown machine"),
        ("title: A chip of my own", "title: {a: b}", "title: should be one value"),
    ],
)  # fmt: skip
def test_a_spec_with_a_wrong_field(run: Run, tmp_path: Path, chip_text: str, old: str, new: str, says: str) -> None:
    assert old in chip_text
    (tmp_path / "chip.yaml").write_text(chip_text.replace(old, new))
    check(run(f"estimate llama-3-8b --on {tmp_path / 'chip.yaml'}"), says)


def test_more_chips_than_the_fabric_joins(run: Run, chip: Path) -> None:
    check(run(f"estimate llama-3-8b --on 9x{chip}"), "joins at most 8 chips, not 9")


def test_a_spec_that_is_like_itself(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ouro.yaml").write_text("name: ouro\nlike: boros\n")
    (tmp_path / "boros.yaml").write_text("name: boros\nlike: ouro\n")
    monkeypatch.setenv("ROOFSCAPE_SPECS", str(tmp_path))
    check(run("estimate llama-3-8b --on ouro"), "leads back to this file")


def test_too_many_designs(run: Run) -> None:
    many = ",".join(map(str, range(1, 400)))
    check(run(f"{ASK} --batch {many} --prompt {many}"), "159,201 designs", "roofscape.stream")


@pytest.mark.parametrize(
    "command", ["bench --designs=-4", "bench --designs nan", "bench --designs 0", "bench --designs x", "bench --designs 1e300", "bench --workers 0"]
)
def test_bench_sizes(run: Run, command: str) -> None:
    check(run(command))


@pytest.mark.parametrize(
    ("like", "engine", "says"),
    [
        ("pim-gpt", "macs: {beside: gdr6}", "there is no tier 'gdr6'; did you mean gddr6?"),
        ("pim-gpt", "macs: {row: 33 B}", "a row of 33 B is no whole number of columns of 32 B; make row 32 B or 64 B"),
        ("pim-gpt", "macs: {refresh: 3 us}", "takes all of refresh_interval; raise that (tREFI) or lower refresh (tRFC)"),
        ("hbm-pim", "units: {column_to_column: 1 ns}", "column_to_column_short (tCCD_S) is over column_to_column (tCCD_L)"),
        ("duplex", "logic_pim: {serves: [atention]}", "no kind of operator; did you mean attention?"),
        ("duplex", "logic_pim: {at: logic_di}", "did you mean logic_die?"),
    ],
)
def test_units_near_memory_that_cannot_be(run: Run, tmp_path: Path, like: str, engine: str, says: str) -> None:
    path = tmp_path / "units.yaml"
    path.write_text(f"name: mine\nlike: {like}\nsource: mine\nengines:\n  {engine}\n")
    check(run(f"estimate gpt2 --on {path} --phase decode --no-elasticities"), says)


CONTRADICTION = """
space: none
model: llama-3.2-1b
machine: h100-sxm
scenario: {phase: decode, context: 1024}
axes:
  batch: {grid: [1, 2, 4]}
objectives: [minimise tpot_s]
constraints: ["batch <= 2", "batch >= 3"]
"""


@pytest.mark.parametrize("explorer", ["random", "exhaustive", "exact"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_space_without_a_design_says_which_constraints_contradict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], explorer: str, options: list[str]
) -> None:
    (tmp_path / "none.yaml").write_text(CONTRADICTION)
    assert main(["explore", str(tmp_path / "none.yaml"), "--with", explorer, *options]) == 2
    said = capsys.readouterr()
    assert "'batch <= 2' and 'batch >= 3' never hold together" in said.err and "loosen one of them" in said.err
    assert said.out
