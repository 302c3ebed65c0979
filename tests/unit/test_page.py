"""The page as text: self-contained, of a bounded size, and true to the designs that it is given."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

import roofscape as rs
from explorers.question import Question
from roofscape.cli import main
from roofscape.report.html import element, embedded, table, text
from roofscape.report.inputs import labels_of
from roofscape.report.page import page
from roofscape.report.sections import cards, operator_table
from roofscape.report.sources import source_rows
from roofscape.report.subject import Subject
from simulator.result import Estimate
from simulator.tables import design_dicts

LIMIT_BYTE = 6e6


@pytest.fixture(scope="module")
def question() -> Question:
    return rs.question("llama-3-8b", "h100-sxm", rs.Decode(batch=32.0, context=2048.0))


@pytest.fixture(scope="module")
def result(question: Question) -> Estimate:
    return question.estimate({})


@pytest.fixture
def design(result: Estimate) -> dict[str, Any]:
    return copy.deepcopy(result.to_dict())


def body_of(written: str) -> str:
    """A page without its scripts and style."""
    return re.sub(r"<(script|style).*?</\1>", "", written, flags=re.DOTALL)


def data_of(written: str, name: str) -> Any:
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', written, re.DOTALL)[1])  # type: ignore[index]


def test_a_page_carries_all_that_it_needs(question: Question, result: Estimate, design: dict[str, Any]) -> None:
    written = page([result], [design], [Subject(lambda: question, "h100-sxm")])
    assert len(written.encode()) < LIMIT_BYTE
    assert written.count("plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"'](?!data:)", body_of(written) + written[:2000])
    assert set(re.findall(r'data-figure="([^"]+)"', written)) == set(data_of(written, "figures")) - {"font"}


def test_eight_systems_over_six_sliders_stay_under_the_limit() -> None:
    machines = ["8xh100-sxm", "mi300x", "gaudi3", "tpu-v4", "l40s", "h200", "b200", "a100-sxm-80gb"]
    asked = [rs.question("llama-3-8b", on) for on in machines]
    results = [q.estimate({}) for q in asked]
    designs = [d for r in results for d in design_dicts(r)]
    written = page(results, designs, [Subject(lambda q=q: q, on) for q, on in zip(asked, machines, strict=True)])  # type: ignore[misc]
    assert len(written.encode()) < LIMIT_BYTE
    assert "(the first 6 of 8)" in written
    assert all(machine in written for machine in machines)


def test_a_page_without_questions_leaves_out_what_needs_the_machine(result: Estimate, design: dict[str, Any]) -> None:
    titles = re.findall(r"<h3>(.*?)</h3>", page([result], [design]))
    assert titles == ["Where the time goes", "Memory of one chip", "Operators"]


def test_elasticities_are_drawn_where_they_are_there(result: Estimate, design: dict[str, Any]) -> None:
    written = page([result], [{**design, "elasticities": {"hbm.bandwidth": -0.6, "sm.clock": -0.1, "tdp": 0.0}}])
    tornado = list(data_of(written, "figures").values())[-1]
    assert tornado["data"][0]["y"] == ["hbm.bandwidth", "sm.clock"]
    assert "No effect here: tdp." in written


def test_intervals_are_shown_where_they_are_known(result: Estimate, design: dict[str, Any]) -> None:
    bare = {k: v for k, v in design.items() if k not in ("interval90", "extrapolated")} | {
        "operators": [{**o, "interval90": None} for o in design["operators"]]
    }
    assert "90 %" not in cards(bare)
    assert "90 %" not in operator_table(bare)
    design["interval90"] = {"tpot_s": [0.009, 0.0125]}
    design["extrapolated"] = True
    design["operators"][2] |= {"interval90": [2.0e-5, 2.5e-5], "extrapolated": True}
    assert "90 %: 9 ms to 12.5 ms" in cards(design)
    assert "20 us to 25 us (extrapolated)" in operator_table(design).replace("\u00a0", " ")
    written = page([result], [design])
    assert "extrapolated: a part that matters" in body_of(written)
    bars = [t for f in data_of(written, "figures").values() if "data" in f for t in f["data"] if t.get("error_x")]
    assert any(abs(up - 32 * (2.5e-5 - design["operators"][2]["time_s"]) * 1e3) < 1e-9 for t in bars for up in t["error_x"]["array"])


def test_what_does_not_fit_is_said(question: Question) -> None:
    small = rs.estimate("llama-3-8b", on="tpu-v5e", scenario=rs.Decode(batch=32.0))
    written = body_of(page([small], [small.to_dict()]))
    assert "infeasible: needs 25.7 GB a chip" in written
    assert "no tile law" in written or small.fidelity == "tile"


def test_sources_cite_the_spec_and_mark_what_was_set() -> None:
    asked = rs.question("llama-3-8b", "h100-sxm", rs.Decode(), set={"hbm.bandwidth": 4e12})
    rows = {path: (shown, kind, source) for path, shown, kind, source in source_rows(asked.system, "h100-sxm")}
    assert rows["hbm.bandwidth"] == ("4 TB/s", "set", "by the question; the spec says 3.35 TB/s")
    assert rows["l2.capacity"][1] == "datasheet"
    assert "whitepaper" in rows["l2.capacity"][2]
    assert rows["nvlink4.bandwidth"][1] in ("datasheet", "measured", "derived", "assumed")


def test_sources_of_a_system_are_those_of_its_chip() -> None:
    assert {r[0]: r[3] for r in source_rows(rs.system("dgx-h100"), "dgx-h100")}["hbm.bandwidth"].startswith("NVIDIA H100")
    assert {r[0]: r[3] for r in source_rows(rs.system("8xh100-sxm"), "8xh100-sxm")}["hbm.bandwidth"].startswith("NVIDIA H100")


def test_designs_are_told_apart_by_as_few_inputs_as_it_takes(design: dict[str, Any]) -> None:
    assert labels_of([design, {**design, "system": "b200", "tp": 2.0}]) == ["h100-sxm", "b200"]
    assert labels_of([design, {**design, "batch": 64.0}]) == ["batch 32", "batch 64"]
    assert labels_of([{**design, "dtype": "bf16"}, {**design, "dtype": "fp8"}]) == ["bf16", "fp8"]
    assert labels_of([{**design, "set": {"hbm.bandwidth": v}} for v in (2e12, 4e12)]) == ["hbm.bandwidth 2 TB/s", "hbm.bandwidth 4 TB/s"]
    assert labels_of([design, design]) == ["1: h100-sxm", "2: h100-sxm"]


def test_words_cannot_become_elements() -> None:
    assert text("p", "<b>&") == "<p>&lt;b&gt;&amp;</p>"
    assert element("p", "x", class_='a"b', data_x="1") == '<p class="a&quot;b" data-x="1">x</p>'
    assert "</script><b>" not in embedded("d", ["</script><b>"])
    assert json.loads(embedded("d", ["</script>"]).split(">", 1)[1].rsplit("<", 1)[0]) == ["</script>"]
    assert "&lt;i&gt;" in table(["<i>"], [["1"]], (0,))


def test_a_comparison_shows_what_parameters_are_worth_on_each_machine(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    assert main(["compare", "llama-3-8b", "--on", "h100-sxm,l40s", "--phase", "decode", "--html", str(file)]) == 0
    assert file.read_text(encoding="utf-8").count("<h3>What each hardware parameter is worth</h3>") == 2
