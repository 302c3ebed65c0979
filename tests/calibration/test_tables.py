"""Coefficient files: values laid over them for a while, folds without a family, and where they come from."""

from __future__ import annotations

from datetime import date

import pytest

import roofscape as rs
from simulator.calibration import at, constant, fold, left_out, names, overlaid, provenance, read, table
from simulator.kernels.attention import decode_library

DECODE = rs.Decode(batch=8.0, context=2048.0)


def time_s(machine: str = "h100-sxm") -> float:
    return float(rs.estimate("llama-3-8b", machine, DECODE).time_s)  # type: ignore[arg-type]


def test_an_overlay_lasts_as_long_as_its_block_and_reaches_what_is_derived() -> None:
    before, row = time_s(), decode_library("fa3", "hopper")
    with overlaid({"matrix": {"dram_sustained": 0.4}, "attention": {"decode.fa3.dram_eff": 0.4}}):
        assert constant("matrix", "dram_sustained") == 0.4
        assert decode_library("fa3", "hopper").dram_eff == 0.4
        assert time_s() > 1.3 * before
    assert decode_library("fa3", "hopper") == row
    assert time_s() == before


def test_an_overlay_is_taken_back_after_an_error() -> None:
    before = constant("matrix", "dram_sustained")
    with pytest.raises(RuntimeError), overlaid({"matrix": {"dram_sustained": 0.4}}):
        raise RuntimeError
    assert constant("matrix", "dram_sustained") == before


@pytest.mark.parametrize("family", ["p100", "a100", "h100", "l40s", "b200"])
def test_a_fold_has_values_of_its_own_and_lacks_what_its_family_alone_showed(family: str) -> None:
    shipped, only = table("matrix"), [path for path, seen in read("matrix")["seen_only_on"].items() if seen == family]
    values = {path: value for path, value in fold("matrix", family).items() if value is not None}
    assert any(value != at(shipped, path) for path, value in values.items())
    with left_out(family):
        assert all(constant("matrix", path) == value for path, value in values.items())
        for path in only:
            with pytest.raises(KeyError):
                at(table("matrix"), path)
    assert all(at(shipped, path) for path in only)


def test_a_family_that_was_in_no_fit_leaves_all_as_it_is() -> None:
    before = time_s("mi300x")
    with left_out("mi300x"):
        assert time_s("mi300x") == before


@pytest.mark.parametrize("name", names())
def test_a_file_says_where_it_comes_from(name: str) -> None:
    said = provenance(name)
    assert len(said["data"]) > 10 and len(said["method"]) > 10
    assert date.fromisoformat(said["date"]).year >= 2026


def test_corrections_are_kept_where_they_help_and_nowhere_else() -> None:
    errors = provenance("correction")["error"]
    kept = {kind for kind, e in errors.items() if e["kept"]}
    assert kept == set(read("correction")["coefficients"]["kinds"])
    assert all((e["corrected_mape"] < e["devices_left_out_mape"]) for kind, e in errors.items() if kind in kept)
    assert all(set(f["kinds"]) == kept for f in read("correction")["folds"].values())


def test_without_correction_the_physics_alone() -> None:
    def narrow_s(*, correction: bool = True) -> float:
        return float(rs.estimate("llama-3-8b", "h100-sxm", DECODE, dtype="fp8", correction=correction).time_s)  # type: ignore[arg-type]

    plain_s = narrow_s(correction=False)
    with overlaid({"correction": {"kinds": {}}}):  # type: ignore[dict-item]
        assert narrow_s() == plain_s
    assert narrow_s() != plain_s
