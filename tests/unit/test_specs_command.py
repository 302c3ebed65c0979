"""`roofscape specs`: the list by family, one entry with its sources, and what is not known for certain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardware_specs.audit import ASSUMED, DISAGREEING, SINGLE, audit
from hardware_specs.catalog import Entry, find
from hardware_specs.citation import Citation
from roofscape.cli import main


def entry(**citations: Citation) -> Entry:
    return Entry("somewhere.yaml", find("h100-sxm").spec, citations)


def test_a_value_is_doubtful_for_what_its_source_says() -> None:
    found = audit(
        [
            entry(
                a=Citation("1", "datasheet", "a datasheet"),
                b=Citation("2", "assumed", "nothing is published"),
                c=Citation("3", "measured", "one paper. Second source missing"),
                d=Citation("4", "datasheet", "a datasheet. Sources disagree: another says 5"),
            )
        ]
    )
    assert [(f.doubt, f.source, f.fields) for f in found] == [
        (DISAGREEING, "another says 5", ("d",)),
        (SINGLE, "one paper. Second source missing", ("c",)),
        (ASSUMED, "nothing is published", ("b",)),
    ]


def test_a_reason_is_named_once_for_all_that_rest_on_it() -> None:
    guess = Citation("1", "assumed", "the same guess")
    found = audit([find("h100-sxm"), Entry("x", find("a40").spec, {"tiers.l2.latency": guess, "engines.sm.clock": guess})])
    (shared,) = [f for f in found if f.source == "the same guess"]
    assert shared.fields == ("l2.latency", "sm.clock")
    assert shared.entries == ("a40",)


def test_inherited_doubts_count_where_they_are_inherited() -> None:
    (latency,) = [f for f in audit([find("a40"), find("rtx-a6000")]) if f.fields == ("l2.latency",)]
    assert latency.entries == ("a40", "rtx-a6000")


def test_check_of_all_entries(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specs", "--check", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    by_doubt = {doubt: [f for f in findings if f["doubt"] == doubt] for doubt in (DISAGREEING, SINGLE, ASSUMED)}
    assert all(by_doubt.values())
    assert ["p4"] in [f["entries"] for f in by_doubt[DISAGREEING] if f["fields"] == ["sm.clock"]]
    assert all(f["entries"] and f["fields"] and f["source"] for f in findings)


def test_check_of_one_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specs", "v100-pcie", "--check"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 entry")
    assert "2155 GB/s" in out


def test_values_are_shown_as_people_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specs", "h100-sxm", "--json"]) == 0
    shown = {row["field"]: row["shown"] for row in json.loads(capsys.readouterr().out)["values"]}
    assert (shown["year"], shown["area"], shown["tdp"], shown["node"]) == ("2022", "814 mm2", "700 W", "4 nm")


def test_list_is_grouped_by_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specs"]) == 0
    out = capsys.readouterr().out
    places = [
        out.index(heading) for heading in ("Graphics processors", "Tensor processing units", "Other accelerators", "Processors", "Links\n", "Systems, beside")
    ]
    assert places == sorted(places)
    assert "h100-sxm" in out and "tpu-v7" in out and "this-machine" in out and "72 x gb200" in out


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specs", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert set(everything) == {"chips", "links", "systems"}
    assert {"name", "title", "vendor", "family", "generation", "year", "execution"} <= set(everything["chips"][0])


def test_files_of_the_user_join_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my-chip.yaml").write_text("name: my-chip\nlike: a40\naliases: [Mine]\nfamily: custom\n", encoding="utf-8")
    monkeypatch.setenv("ROOFSCAPE_SPECS", str(tmp_path))
    assert find("mine").spec.name == "my-chip"
    assert main(["specs"]) == 0
    assert "my-chip" in capsys.readouterr().out
