"""The suite that third parties run (`roofscape.testing`), on every shipped chip and model; and that it does find faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hardware_specs import catalog
from hardware_specs.schema import Chip
from magnitudes.errors import InputError
from roofscape import testing
from roofscape.testing import check_chip, check_model
from workloads.catalog import find_model
from workloads.shipped import model_names
from workloads.transformer import Transformer


@pytest.mark.parametrize("name", catalog.chip_names())
def test_chip(name: str) -> None:
    check_chip(name)


@pytest.mark.parametrize("name", model_names())
def test_model(name: str) -> None:
    check_model(name)


def test_a_link_is_no_chip() -> None:
    with pytest.raises(AssertionError, match="nvlink4 describes a link"):
        check_chip("nvlink4")


def test_a_chip_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    good = (
        "name: mine\nsource: a guess\ntiers:\n  l2: {kind: SRAM, capacity: 40 MB, bandwidth: 6 TB/s, latency: 200 ns}\n"
        "  hbm: {kind: HBM3, capacity: 80 GB, bandwidth: 2 TB/s, latency: 600 ns}\nengines:\n  core: {execution: kernel, beside: [l2, hbm], clock: 1 GHz, "
        "multiprocessors: 64, matrix: {bf16: 300 TFLOP/s}, vector: {fp32: 20 TFLOP/s}}\n"
    )
    path.write_text(good)
    check_chip(str(path))
    path.write_text(good.replace("6 TB/s", "1 TB/s"))
    catalog._read.cache_clear()
    with pytest.raises(AssertionError, match="l2 is nearer than hbm and slower"):
        check_chip(str(path))
    path.write_text(good.replace("bf16: 300 TFLOP/s", "fp32: 3 TFLOP/s"))
    catalog._read.cache_clear()
    with pytest.raises(AssertionError, match="matrix units of core are slower in fp32"):
        check_chip(str(path))
    path.write_text(good.replace("6 TB/s", "6 TB"))
    catalog._read.cache_clear()
    with pytest.raises(InputError, match=r"tiers\.l2\.bandwidth"):
        check_chip(str(path))


def test_a_number_without_a_source_is_found() -> None:
    entry = catalog.find("t4")
    with pytest.raises(AssertionError, match=r"no source for .*tdp"):
        testing.check_sources(replace(entry, citations={k: v for k, v in entry.citations.items() if k != "tdp"}))


def test_an_engine_without_vector_units_is_found() -> None:
    chip = catalog.find("t4").spec
    assert isinstance(chip, Chip)
    with pytest.raises(AssertionError, match="no vector rate"):
        testing.check_tiers(replace(chip, engines=(replace(chip.engine, vector_flop_per_s={}),)))


class Forgetful(Transformer):
    """A model that holds fewer weights than it has."""

    def chip_parameters(self, cut: object) -> float:
        return 1.0


class Greedy(Transformer):
    """A model that claims fewer parameters than a pass reads."""

    @property
    def parameters(self) -> float:
        return 1000.0

    def chip_parameters(self, cut: object) -> float:
        return 1000.0


@pytest.mark.parametrize(("kind", "says"), [(Forgetful, "one chip holds"), (Greedy, "a pass reads")])
def test_a_model_with_a_fault_is_found(kind: type[Transformer], says: str) -> None:
    gpt2 = find_model("gpt2")
    assert isinstance(gpt2, Transformer)
    with pytest.raises(AssertionError, match=says):
        check_model(kind(**{f: getattr(gpt2, f) for f in Transformer.__dataclass_fields__}))
