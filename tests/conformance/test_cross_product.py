"""Any model runs on any chip: every model meets a few chips and every chip a few models, at both fidelities; `benchmarks/cross_product.py` tries all."""

from __future__ import annotations

import pytest

from hardware_specs.catalog import chip_names
from roofscape import testing
from roofscape.testing import check_pair
from workloads.shipped import model_names

CHIPS, MODELS = chip_names(), model_names()
STRIDES = (0, 37, 83)  # how far along the chips each model looks: coprime to their number or not, all chips are met


def partners(chip: int) -> list[str]:
    """The models that a chip meets."""
    return [MODELS[(chip + stride) % len(MODELS)] for stride in STRIDES]


def test_every_model_meets_a_chip() -> None:
    assert {model for chip in range(len(CHIPS)) for model in partners(chip)} == set(MODELS)


@pytest.mark.parametrize("chip", range(len(CHIPS)), ids=CHIPS)
def test_models_run_and_are_not_faster_than_the_roofline(chip: int) -> None:
    for model in partners(chip):
        tile, _ = check_pair(model, CHIPS[chip])
        assert tile.fidelity in ("tile", "roofline")


def test_a_model_that_beats_its_roofline_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = testing.api.estimate
    monkeypatch.setattr(testing.api, "estimate", lambda *of, fidelity, **how: honest(*of, fidelity="roofline" if fidelity == "tile" else "tile", **how))
    with pytest.raises(AssertionError, match="faster than the roofline"):
        check_pair("gpt2", "h100-sxm")
