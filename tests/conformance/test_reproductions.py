"""Every published system that is registered: its claims are data with a source, answered alike twice, and a miss says why."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import pytest

from magnitudes.errors import InputError
from roofscape.cli import main
from roofscape.reproductions import SYSTEMS, find_reproduction, reproduce
from roofscape.reproductions.claim import CONFIDENCES, KINDS, Claim, Found, Span, outcome, points, within
from roofscape.reproductions.shared import Shared, find_shared
from roofscape.testing import check_reproduction

NAMES = (
    "fusemax", "sn40l", "duplex", "pim-gpt", "sdpa-dataflow", "instinfer", "gemmini", "attacc", "intar", "lut-tensor-core", "t3", "ngpc", "long-context",
    "genz", "zero", "zero-offload", "zero-infinity", "gpipe", "megatron",
)  # fmt: skip
KEYS = ("system", "claim", "published", "ours", "error", "kind", "pass", "note")


@pytest.mark.parametrize("name", SYSTEMS)
def test_system(name: str) -> None:
    check_reproduction(name)


@pytest.mark.parametrize("name", SYSTEMS)
def test_module_is_there_and_named(name: str) -> None:
    assert name in NAMES
    module = import_module(SYSTEMS[name])
    assert module.TITLE and (module.__doc__ or "").strip()
    for claim in module.CLAIMS:
        assert claim.kind in KINDS and claim.confidence in CONFIDENCES and claim.where
        assert claim.confidence != "M-", f"{claim.claim}: a weak number is no oracle"


def test_json_has_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "zero", "genz", "--json"]) == 0
    printed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [c["system"] for c in printed] == ["zero"] * 10 + ["genz"] * 26
    for claim in printed:
        assert all(key in claim for key in KEYS) and claim["pass"] is True and claim["unit"] is not None


def test_terminal_and_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "zero.html"
    assert main(["reproduce", "ZeRO", "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "10 of 10 claims" in printed and "31.41 GB" in printed
    written = page.read_text()
    assert "Published against ours" in written and "31.41 GB" in written and "https://" not in written.partition("<script>")[0]


def test_unknown_system_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "atacc"]) == 2
    assert "did you mean attacc?" in capsys.readouterr().err


def test_without_data_a_claim_is_skipped(tmp_path: Path) -> None:
    outcomes = reproduce(["attacc"], Shared(tmp_path))
    assert len(outcomes) == 5
    assert all(o.passed is None and o.ours is None and "attacc_pim.parquet" in o.note for o in outcomes)
    assert all(o.passed is None for o in reproduce(["attacc"], Shared(None)))
    with pytest.raises(InputError, match="no such folder"):
        find_shared(str(tmp_path / "none"))


def example(**changes: Any) -> Claim:
    base = Claim("zero", "a gain", 2.0, "x", "table 1", "Q", within(0.05), "prediction", lambda _: 2.08)
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "error", "passed"),
    [
        ({}, 0.04, True),
        ({"tolerance": within(0.03)}, 0.04, False),
        ({"tolerance": points(0.1)}, 0.08, True),
        ({"published": Span(1.0, 3.0), "tolerance": within(0.0)}, 0.0, True),
        ({"published": Span(1.0, 2.0), "tolerance": within(0.03)}, 0.04, False),
        ({"kind": "bound", "limit": "ceiling", "tolerance": within(0.0)}, 0.04, True),
        ({"kind": "bound", "limit": "floor", "tolerance": within(0.0)}, 0.04, False),
        ({"kind": "bound", "limit": "ceiling", "tolerance": within(0.0), "reach": 0.99}, 0.04, False),
        ({"kind": "bound", "limit": "floor", "tolerance": within(0.05), "reach": 0.9}, 0.04, True),
    ],
)
def test_a_claim_is_judged(changes: dict[str, Any], error: float, passed: bool) -> None:
    judged = outcome(example(**changes), Shared())
    assert judged.error == pytest.approx(error) and judged.passed is passed
    assert passed == (not judged.note.startswith("misses"))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "guess"}, {"confidence": "Z"}, {"kind": "fit"}, {"latents": ("a",)}, {"kind": "bound"}, {"limit": "ceiling"}, {"where": ""},
        {"published": Span(3.0, 1.0)},
    ],
)  # fmt: skip
def test_a_claim_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="zero: "):
        example(**changes)


def test_a_claim_that_changes_its_mind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(range(1000))
    module = import_module(SYSTEMS["zero"])
    monkeypatch.setattr(module, "CLAIMS", (example(ours=lambda _: Found(float(next(answers)))),))
    with pytest.raises(AssertionError, match="another answer"):
        check_reproduction("zero")


def test_a_miss_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(SYSTEMS["zero"])
    monkeypatch.setattr(module, "CLAIMS", (example(published=3.0),))
    with pytest.raises(AssertionError, match="without a remark"):
        check_reproduction("zero")
    assert find_reproduction("zero").claims[0].published == 3.0


def test_artifact_of_intar_is_the_abstracts() -> None:
    """The latencies of its table have the abstract's means, and the CNN is written in as many vectors as its images hold."""
    from roofscape.reproductions.intar import DESIGNS, WRITTEN

    slower = [[design.latency_ms[i] / design.latency_ms[0] for design in DESIGNS.values()] for i in (1, 2)]
    assert geometric_mean(slower[0]) == pytest.approx(1.8, rel=0.03)
    assert geometric_mean(slower[1]) == pytest.approx(7.1, rel=0.08)
    assert sum(WRITTEN) == (224 * 14 + 448 * 28) * 2
