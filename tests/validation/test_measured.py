"""Error budgets: a fixed sample of public measurements, class by class; prints the table that it judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.validation.run import Options, Validation, validate

# Mean over groups of MAPE that a class may have: what the laws reach today with a margin of a tenth, which a change must not use up.
# Set anew with the law of products: `served_ttft` (0.185) and `bmm_16bit` (0.206, two rows) were raised, the other changed ones lowered.
BUDGETS = {
    "attention": 0.155, "bmm_fp32": 0.15, "collective": 0.15, "convolution_16bit": 0.198, "convolution_fp32": 0.202, "elementwise": 0.056,
    "gemm_16bit": 0.119, "gemm_16bit_eager": 0.196, "gemm_fp32": 0.206, "gemm_narrow": 0.163, "linear_fp32": 0.126, "model_inference": 0.071,
    "model_training": 0.112, "moe": 0.181, "served_tpot": 0.107, "served_ttft": 0.207, "softmax_norm": 0.088,
    "embedding": 0.058, "bmm_16bit": 0.227, "near_memory": 0.012, "linear_layers": 0.002, "mapped": 0.115,
}  # fmt: skip
SAMPLE = 200


@pytest.fixture(scope="module")
def validation(shared: Path) -> Validation:
    return validate(shared / "data", Options(sample=SAMPLE))


def test_every_class_keeps_its_error_budget(validation: Validation) -> None:
    rows = [f"{name:20} {h.groups:3} groups {h.rows:6} rows  mape {h.mape:6.1%}  |ln| {h.mean_abs_log:6.1%}" for name, h in validation.headline.items()]
    print("\n".join(rows))
    assert set(validation.headline) == set(BUDGETS)
    over = {name: f"{h.mape:.3f} of {BUDGETS[name]}" for name, h in validation.headline.items() if h.mape > BUDGETS[name]}
    assert not over, "classes over their budget:\n" + "\n".join(rows)


def test_what_is_served_meets_its_targets_with_one_fitted_constant(validation: Validation) -> None:
    (fitted,) = validation.fitted
    assert fitted.rows == 38 and 0.035 < fitted.value < 0.055  # the framework's floor that the data's README sees: near 45 ms
    assert validation.headline["served_ttft"].mape <= 0.30 and validation.headline["served_tpot"].mape <= 0.15


def test_every_row_of_every_table_is_scored_or_told(validation: Validation, shared: Path) -> None:
    tables = {f.name for f in (shared / "data").glob("*.parquet")}
    assert tables == set(validation.frame["file"]) | {u.file for u in validation.unscored}
    simulated = ("no execution model", "layer of GPT-3", "fitted on them", "an outlier of the data set", "no law for the operator", "whole model")
    assert all(any(words in u.reason for words in simulated) for u in validation.unscored), list(validation.unscored)
