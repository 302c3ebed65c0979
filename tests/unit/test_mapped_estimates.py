"""Mappings asked of an estimate: found or given, told with their distance from a floor, and refused where they cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from magnitudes.errors import InputError
from roofscape.cli import main
from simulator.spatial.mappings import mappings
from simulator.spatial.search import MappingError
from simulator.tables import design_dict, design_dicts

IMAGES = rs.Images(batch=1)
MODELS = {"resnet-18": ("edge-tpu", "int8"), "mobilenet-v2": ("gemmini", "int8"), "bert-base": ("fusemax-edge", "bf16"), "alexnet": ("eyeriss", "fp16")}


def asked(model: str, mapping: str = "search", **how: Any) -> dict[str, Any]:
    machine, dtype = MODELS[model]
    scenario = rs.Prefill(prompt=128) if model == "bert-base" else IMAGES
    return design_dict(rs.estimate(model, on=machine, scenario=scenario, dtype=dtype, mapping=mapping, **how))


@pytest.mark.parametrize("model", MODELS)
def test_each_product_and_convolution_is_mapped(model: str) -> None:
    design = asked(model)
    for o in design["operators"]:
        assert ("mapping" in o) == (o["kind"] in ("contraction", "convolution", "grouped_contraction")), o["name"]
    mapped = [o["mapping"] for o in design["operators"] if "mapping" in o]
    assert mapped and all(m["times_floor"] >= 1.0 - 1e-9 and m["compared"] > 1 for m in mapped)
    assert all(o["time_s"] >= max(o["parts"].values()) * (1.0 - 1e-12) for o in design["operators"])


def test_a_goal_is_reached_better_than_by_another() -> None:
    by_time, by_energy = (rs.estimate("mobilenet-v2", on="gemmini", scenario=IMAGES, dtype="int8", mapping=f"search:{g}") for g in ("time", "energy"))
    assert by_time.time_s <= by_energy.time_s
    assert by_energy.energy.energy_j - by_energy.energy.parts["static"] < by_time.energy.energy_j - by_time.energy.parts["static"]


def test_a_mapping_found_is_the_same_when_given(tmp_path: Path) -> None:
    found = asked("resnet-18")
    path = tmp_path / "mappings.json"
    path.write_text(json.dumps(found))
    given = asked("resnet-18", str(path))
    assert given["time_s"] == found["time_s"]
    assert [o.get("mapping", {}).get("memory") for o in given["operators"]] == [o.get("mapping", {}).get("memory") for o in found["operators"]]
    assert all(o["mapping"]["times_floor"] is None for o in given["operators"] if "mapping" in o)


def test_columns_are_rows() -> None:
    batch, capacity = np.array([1.0, 4.0, 1.0]), np.array([262144.0, 262144.0, 65536.0])
    together = rs.estimate(
        "resnet-18", on="edge-tpu", scenario=rs.Images(batch=batch), dtype=["int8", "bf16", "int8"], mapping="search", set={"sram.capacity": capacity}
    )
    for i, design in enumerate(design_dicts(together)):
        alone = rs.estimate(
            "resnet-18", on="edge-tpu", scenario=rs.Images(batch=batch[i]), dtype=["int8", "bf16", "int8"][i], mapping="search",
            set={"sram.capacity": capacity[i]},
        )  # fmt: skip
        single = design_dict(alone)
        assert design["time_s"] == single["time_s"]
        assert [o.get("mapping") for o in design["operators"]] == [o.get("mapping") for o in single["operators"]]
        assert float(np.asarray(together.energy.energy_j)[i]) == pytest.approx(float(alone.energy.energy_j))


def test_a_smaller_buffer_is_never_faster() -> None:
    sizes = np.array([16384.0, 65536.0, 262144.0, 1048576.0])
    found = rs.estimate("resnet-18", on="edge-tpu", scenario=IMAGES, dtype="int8", mapping="search:time", set={"sram.capacity": sizes})
    assert np.all(np.diff(np.asarray(found.time_s)) <= 1e-15)


def test_energy_is_at_least_that_of_compulsory_traffic() -> None:
    found = rs.estimate("resnet-18", on="edge-tpu", scenario=IMAGES, dtype="int8", mapping="search:energy")
    assert found.confidence is not None
    from simulator.prices import tier_j_per_byte

    machine = found.confidence.machines[0]
    for cost, parts in zip(found.costs, found.energy.operators, strict=True):
        if cost.mapped:
            weights = next(o.byte for o in cost.operator.operands[1:2])
            assert parts["board"] >= weights * tier_j_per_byte(machine.memory, machine)


def test_depthwise_filters_lie_along_the_rows() -> None:
    middle = next(o for o in asked("mobilenet-v2")["operators"] if o["name"] == "block0_middle")
    assert middle["mapping"]["unrolled"] == {"r": 3.0, "s": 3.0}


def blocks(**given: Any) -> dict[str, Any]:
    return {"element": [], "buffer": [], "memory": []} | given


EVERYTHING = [["x", 112], ["y", 112], ["c", 3], ["r", 7], ["s", 7]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"stem": blocks(buffer=EVERYTHING)}, r"stem on edge-tpu: the mapping's tiles take .* of sram .*which holds 262 kB; move loops .*--set sram.capacity="),
        ({"stem": blocks(element=[["k", 64]], memory=EVERYTHING)}, r"element block holds 64 bytes of weights and an element's register holds 2; move loops"),
        ({"stem": blocks(memory=EVERYTHING[1:])}, r"runs loop x 1 times and the layer has 112: 112 are needed"),
        ({"stem": blocks(memory=[["z", 2]])}, r"stem on edge-tpu: unknown loop 'z'"),
        ({"stem": blocks(memory=EVERYTHING, unrolled={"k": 64, "c": 1024})}, r"lays 65536 iterations side by side and mxu has 4096 elements"),
        ({"stme": blocks()}, "unknown operator 'stme'; did you mean stem"),
        ({"stem": {"element": []}}, "stem lacks a block"),
        ({"stem": blocks(memory=[["x", 1.5]])}, "no whole number"),
        ({"stem": blocks(memory="x")}, "no list of"),
        ([], "no mappings by operator"),
    ],
)
def test_what_cannot_be_mapped_is_named(given: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps(given))
    with pytest.raises(InputError, match=words):
        asked("resnet-18", str(path), set={"sram.capacity": 262144.0})


def test_a_buffer_that_holds_no_tile_is_named() -> None:
    with pytest.raises(MappingError, match=r"stem on edge-tpu: no tile of the layer fits: sram holds 100 bytes; enlarge it \(--set sram.capacity"):
        asked("resnet-18", set={"sram.capacity": 100.0})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mapping", "serch"], "did you mean search?"),
        (["--mapping", "search:tme"], "did you mean time?"),
        (["--mapping", "search", "--fidelity", "roofline"], "leave one of both out"),
        (["--mapping", "search", "--on", "h100-sxm"], "mappings are searched for spatial arrays"),
        (["--mapping", "search", "--on", "shidiannao"], "has no memory behind sram"),
    ],
)
def test_the_command_refuses(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "resnet-18", "--on", "edge-tpu", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_command_shows_mappings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "mapped.html"
    assert main(["estimate", "resnet-18", "--on", "edge-tpu", "--dtype", "int8", "--mapping", "search", "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "side by side" in printed and "k64 r7 s7" in printed and "energy x delay over floor" in printed and "Elasticities" not in printed
    assert "energy x delay over floor" in page.read_text()


def test_words_for_mappings() -> None:
    assert mappings("folds") is None
    assert mappings("search") == mappings("search:energy_delay")
