"""Heads that propose tokens on the model that verifies them: as large as published, and what their passes cost, by arithmetic on the page."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from magnitudes.errors import InputError
from roofscape.cli import main
from workloads.adapters import Adapted, Adapters
from workloads.catalog import find_model
from workloads.draft_heads import Eagle, Medusa, head_for
from workloads.graph import Workload
from workloads.model import ModelError
from workloads.operator import Attention, Contraction
from workloads.scenario import Decode, Inference, Scenario
from workloads.sharding import Parallelism, Precision
from workloads.speculation import Speculating

# weights of published heads: EAGLE's paper (arXiv 2401.15077, section 5; of its 33B head it says 0.56e9, while the shapes make 0.62), the weight files of
# EAGLE3-LLaMA3.1-Instruct-8B (850 MB in half precision) and of medusa-vicuna-7b-v1.3 (1.48 GB, five heads)
PUBLISHED = [
    ("llama-2-7b", "eagle", 0.24e9), ("llama-2-13b", "eagle", 0.37e9), ("llama-2-70b", "eagle", 0.99e9), ("llama-3-8b", "eagle3", 0.425e9),
    ("llama-7b", "medusa", 0.74e9),
]  # fmt: skip
LLAMA = find_model("llama-3-8b")
HIDDEN, VOCABULARY, INNER, KEYS = 4096, 128256, 14336, 2 * 8 * 128


def load(draft: str, scenario: Scenario, cut: Parallelism | None = None, place: int = 0) -> Workload:
    both = Speculating(LLAMA, head_for(LLAMA, draft))
    return both.workload(scenario.passes()[place], cut or Parallelism(), Precision())


def products(work: Workload, ending: str = "_draft") -> dict[str, tuple[float, float, float, float]]:
    """Count, rows, columns and depth of each product of the draft."""
    found = [(n.operator, n.count) for n in work.nodes if isinstance(n.operator, Contraction) and n.operator.name.endswith(ending)]
    return {o.name: (as_float(count), as_float(o.m), as_float(o.n), as_float(o.k)) for o, count in found}


@pytest.mark.parametrize(("name", "draft", "weights"), PUBLISHED)
def test_heads_are_as_large_as_published(name: str, draft: str, weights: float) -> None:
    assert head_for(find_model(name), draft).parameters == pytest.approx(weights, rel=0.02)


def test_medusas_heads_run_once_on_the_last_token() -> None:
    work = load("medusa:heads=3,layers=2", Decode(batch=2, context=1000, speculate=3, acceptance=0.5))
    assert products(work) == {"medusa_map_draft": (6, 2, HIDDEN, HIDDEN), "medusa_head_draft": (3, 2, VOCABULARY, HIDDEN)}
    assert as_float(work.weight_byte) == 2 * (LLAMA.parameters + 3 * (2 * HIDDEN * (HIDDEN + 1) + HIDDEN * VOCABULARY))
    prompt = load("medusa", Inference(prompt=100, output=10, speculate=5, acceptance=0.5))
    assert products(prompt) == {}


def test_eagles_layer_runs_for_each_token_on_features_and_embedding() -> None:
    work = load("eagle", Decode(batch=2, context=1000, speculate=4, acceptance=0.5))
    assert products(work) == {
        "fuse_features_draft": (4, 2, HIDDEN, 2 * HIDDEN), "qkv_draft": (4, 2, HIDDEN + KEYS, HIDDEN), "out_draft": (4, 2, HIDDEN, HIDDEN),
        "gate_up_draft": (4, 2, 2 * INNER, HIDDEN), "down_draft": (4, 2, HIDDEN, INNER), "head_draft": (4, 2, VOCABULARY, HIDDEN),
    }  # fmt: skip
    work.to_networkx()


def test_eagle_3_fuses_once_and_reads_both_in_its_layer() -> None:
    work = products(load("eagle3", Decode(batch=2, context=1000, speculate=4, acceptance=0.5)))
    assert work["fuse_features_draft"] == (1, 2, HIDDEN, 3 * HIDDEN)
    assert work["qkv_draft"] == (4, 2, HIDDEN + KEYS, 2 * HIDDEN)
    assert work["head_draft"] == (4, 2, 32000, HIDDEN)


def test_a_prompt_passes_eagles_layer_too_and_leaves_keys_behind() -> None:
    prompt = load("eagle", Inference(batch=3, prompt=100, output=10, speculate=5, acceptance=0.5))
    assert products(prompt)["qkv_draft"] == (1, 300, HIDDEN + KEYS, HIDDEN)
    alone = LLAMA.workload(Inference(batch=3, prompt=100, output=10).passes()[0], Parallelism(), Precision())
    assert as_float(prompt.state_byte) == as_float(alone.state_byte) * 33 / 32  # one layer more


def test_all_nodes_of_a_tree_are_verified_at_once() -> None:
    scenario = Decode(batch=2, context=1000, speculate=6, acceptance=0.5)
    chain, tree = load("eagle", scenario), load("eagle:tree=60", scenario)
    verified = {n.operator.name: n.operator for n in tree.nodes if not n.operator.name.endswith("_draft")}
    assert isinstance(verified["attention"], Attention) and isinstance(verified["head"], Contraction)
    assert (verified["attention"].q_len, verified["attention"].kv_len, verified["head"].m) == (61, 1061, 122)
    assert (products(chain)["head_draft"][:2], products(tree)["head_draft"][:2]) == ((6, 2), (6, 20))  # ten nodes of each sequence a step
    found = [rs.estimate("llama-3-8b", "h100-sxm", scenario, draft=d) for d in ("eagle", "eagle:tree=60")]
    assert as_float(found[0].tpot_s or 0.0) < as_float(found[1].tpot_s or 0.0)  # at the same acceptance


def test_a_head_costs_less_than_a_small_model_and_gains_nothing_where_nothing_is_accepted() -> None:
    step = Decode(batch=1, context=2000, speculate=4, acceptance=0.7)
    times = {d: as_float(rs.estimate("llama-3-70b", "4xh100-sxm", step, draft=d).tpot_s or 0.0) for d in ("medusa", "eagle", "eagle3", "llama-3-8b")}
    alone = as_float(rs.estimate("llama-3-70b", "4xh100-sxm", Decode(batch=1, context=2000)).tpot_s or 0.0)
    assert max(times["medusa"], times["eagle"], times["eagle3"]) < times["llama-3-8b"] < alone
    never = Decode(batch=1, context=2000, speculate=4, acceptance=0.0)
    assert all(as_float(rs.estimate("llama-3-70b", "4xh100-sxm", never, draft=d).tpot_s or 0.0) > alone for d in ("medusa", "eagle", "eagle3"))


def test_columns_of_heads_are_the_rows_by_themselves() -> None:
    k, a = np.array([2.0, 5.0]), np.array([0.5, 0.9])
    for draft in ("medusa", "eagle", "eagle3:tree=30"):
        columns = rs.estimate("llama-3-8b", "h100-sxm", Decode(speculate=k, acceptance=a), draft=draft)
        rows = [rs.estimate("llama-3-8b", "h100-sxm", Decode(speculate=x, acceptance=y), draft=draft) for x, y in zip(k, a, strict=True)]
        assert np.asarray(columns.tpot_s) == pytest.approx([as_float(r.tpot_s or 0.0) for r in rows], rel=1e-12)


@pytest.mark.parametrize(("name", "machine", "cut"), [
    ("deepseek-v3", "16xh200", {"tp": 1, "dp": 16, "ep": 16}), ("mixtral-8x7b", "4xh100-sxm", {"tp": 4}), ("llama-3-70b", "8xh100-sxm", {"tp": 4, "pp": 2}),
    ("gpt-oss-120b", "h200", {}),
])  # fmt: skip
def test_heads_fit_models_of_all_kinds_however_they_are_cut(name: str, machine: str, cut: dict[str, float]) -> None:
    batch = 16.0
    alone = rs.estimate(name, machine, Decode(batch=batch), **cut)
    drafted = rs.estimate(name, machine, Decode(batch=batch, speculate=3, acceptance=0.9), draft="eagle", **cut)
    assert 0.2 < as_float(drafted.tpot_s or 0.0) / as_float(alone.tpot_s or 0.0) < 1.2


def test_a_model_with_adapters_has_heads_too() -> None:
    plain, adapted = (head_for(m, "eagle") for m in (LLAMA, Adapted(LLAMA, Adapters(rank=16, adapters=4))))
    assert isinstance(plain, Eagle) and plain == adapted
    assert isinstance(head_for(LLAMA, "Medusa"), Medusa)


@pytest.mark.parametrize(("name", "draft", "says"), [
    ("llama-3-8b", "medusa:head=3", "did you mean heads"), ("llama-3-8b", "medusa:heads=0", "whole number from 1"),
    ("llama-3-8b", "eagle3:tree=x", "tree is 'x'"),
    ("mamba-2.8b", "eagle", "no decoder with attention"), ("bert-base", "medusa", "no decoder with attention"), ("llama-3-8b", "eaglet", "unknown model"),
])  # fmt: skip
def test_what_is_no_head_is_refused(name: str, draft: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        rs.estimate(name, "h100-sxm", Decode(speculate=2, acceptance=0.5), draft=draft)


def test_more_tokens_than_heads_are_refused() -> None:
    with pytest.raises(ModelError, match="3 tokens at most, not 4"):
        rs.estimate("llama-3-8b", "h100-sxm", Decode(speculate=4, acceptance=0.5), draft="medusa:heads=3")


def test_the_command_proposes_as_many_tokens_as_there_are_heads(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["estimate", "llama-3-8b", "--on", "h100-sxm", "--phase", "decode", "--draft", "medusa:heads=3", "--acceptance", "0.8", "--no-elasticities"]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert "3 Medusa heads" in out and "speculation" in out
