"""What servers do besides plain passes: prefixes from the cache, evicted keys, drafts that are verified."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from magnitudes.errors import InputError
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.operator import Attention, Contraction
from workloads.scenario import Decode, Inference, Prefill, Scenario, expected_tokens
from workloads.sharding import Parallelism, Precision
from workloads.speculation import Speculating

LLAMA, SMALL = find_model("llama-3-8b"), find_model("llama-3.2-1b")


def load(scenario: Scenario, place: int = 0, model: object = LLAMA) -> Workload:
    return model.workload(scenario.passes()[place], Parallelism(), Precision())  # type: ignore[attr-defined, no-any-return]


def attention(of: Workload) -> Attention:
    return next(n.operator for n in of.nodes if isinstance(n.operator, Attention))


@pytest.mark.parametrize("cached", [1024.0, 0.5])
def test_a_cached_prefix_is_attended_to_and_not_computed(cached: float) -> None:
    whole, rest = load(Prefill(batch=2, prompt=2048)), load(Prefill(batch=2, prompt=2048, cached_prompt=cached))
    products = [next(n.operator for n in w.nodes if isinstance(n.operator, Contraction)) for w in (whole, rest)]
    assert [p.m for p in products] == [2 * 2048, 2 * 1024]
    assert attention(rest).pairs == 1024 * (1025 + 2048) / 2  # the later half of the triangle
    assert rest.state_byte == whole.state_byte


def test_no_token_cached_is_the_plain_prompt() -> None:
    assert Prefill(prompt=64).passes() == Prefill(prompt=64, cached_prompt=0).passes()


def test_more_of_the_prompt_cached_is_never_slower() -> None:
    times = np.asarray(rs.estimate("llama-3-8b", "h100-sxm", Prefill(prompt=4096, cached_prompt=np.arange(0, 4096, 256))).time_s)
    assert np.all(np.diff(times) <= 0) and times[-1] < 0.3 * times[0]


def test_evicted_keys_are_neither_read_nor_held() -> None:
    all_of_them, kept = load(Decode(batch=4, context=8191)), load(Decode(batch=4, context=8191, kv_keep=1024))
    assert (attention(all_of_them).kv_len, attention(kept).kv_len) == (8192, 1024)
    assert as_float(kept.state_byte) == as_float(all_of_them.state_byte) / 8
    assert load(Inference(prompt=4096, kv_keep=1024)).state_byte == load(Prefill(prompt=1024)).state_byte


@pytest.mark.parametrize(("k", "a", "tokens"), [(4, 0.5, 1 + 0.5 + 0.25 + 0.125 + 0.0625), (3, 0, 1), (3, 1, 4), (0, 0.7, 1)])
def test_expected_tokens(k: float, a: float, tokens: float) -> None:
    assert expected_tokens(float(k), float(a)) == pytest.approx(tokens, rel=1e-7)
    assert np.asarray(expected_tokens(np.full(2, float(k)), np.full(2, float(a)))) == pytest.approx([tokens] * 2, rel=1e-7)


def test_a_step_is_passes_of_the_draft_and_one_that_verifies() -> None:
    both = Speculating(LLAMA, SMALL)
    step = load(Decode(batch=2, context=1000, speculate=4, acceptance=0.5), model=both)
    heads = {n.operator.name: (n.count, n.operator.m) for n in step.nodes if isinstance(n.operator, Contraction) and n.operator.name.startswith("head")}
    assert heads == {"head_draft": (4, 2), "head": (1, 2 * 5)}  # four tokens of two sequences one by one; five of each at once
    verified = attention(Workload(tuple(n for n in step.nodes if not n.operator.name.endswith("_draft"))))
    assert (verified.q_len, verified.kv_len) == (5, 1005)
    assert as_float(step.weight_byte) == (LLAMA.parameters + SMALL.parameters) * 2
    step.to_networkx()


def test_time_a_token_is_the_step_over_what_it_yields() -> None:
    found = rs.estimate("llama-3-8b", "h100-sxm", Decode(context=1000, speculate=4, acceptance=0.5), draft="llama-3.2-1b")
    assert as_float(found.time_s) / as_float(found.tpot_s or 0.0) == pytest.approx(1.9375)
    assert as_float(found.throughput_token_per_s) == pytest.approx(1.9375 / as_float(found.time_s))
    request = rs.estimate("llama-3-8b", "h100-sxm", Inference(prompt=512, output=128, speculate=4, acceptance=0.5), draft="llama-3.2-1b")
    assert as_float(request.time_s) == pytest.approx(as_float(request.ttft_s or 0.0) + 127 * as_float(request.tpot_s or 0.0))


def test_more_accepted_is_never_slower_and_none_is_slower_than_no_draft() -> None:
    a = np.linspace(0, 1, 11)
    times = np.asarray(rs.estimate("llama-3-70b", "8xh100-sxm", Decode(speculate=4, acceptance=a), draft="llama-3.2-1b").tpot_s)
    alone = as_float(rs.estimate("llama-3-70b", "8xh100-sxm", Decode()).tpot_s or 0.0)
    assert np.all(np.diff(times) < 0)
    assert times[-1] < alone < times[0]


def test_features_as_columns_are_the_rows_by_themselves() -> None:
    keep, k = np.array([256.0, 4096.0]), np.array([2.0, 5.0])
    columns = rs.estimate("llama-3-8b", "h100-sxm", Decode(kv_keep=keep, speculate=k, acceptance=0.6), draft="llama-3.2-1b")
    rows = [rs.estimate("llama-3-8b", "h100-sxm", Decode(kv_keep=x, speculate=y, acceptance=0.6), draft="llama-3.2-1b") for x, y in zip(keep, k, strict=True)]
    assert np.asarray(columns.tpot_s) == pytest.approx([as_float(r.tpot_s or 0.0) for r in rows], rel=1e-12)
    program = rs.question("llama-3-8b", "h100-sxm", Prefill(prompt=2048)).compiled(("cached_prompt",))
    asked = np.array([0.0, 0.25, 1000.0])
    assert np.asarray(program.run({"cached_prompt": asked})["time_s"]) == pytest.approx(
        np.asarray(rs.estimate("llama-3-8b", "h100-sxm", Prefill(prompt=2048, cached_prompt=asked)).time_s)
    )


@pytest.mark.parametrize(
    ("scenario", "draft", "says"),
    [
        (Decode(speculate=4, acceptance=0.7), None, "has no draft"), (Decode(), "llama-3.2-1b", "say speculate and acceptance"),
        (Decode(speculate=4, acceptance=1.5), "llama-3.2-1b", "acceptance is 1.5"), (Decode(speculate=-1), "llama-3.2-1b", "speculate is -1"),
        (Prefill(prompt=100, cached_prompt=100), None, "at least the last token"), (Prefill(cached_prompt=-1), None, "cached_prompt is -1"),
        (Decode(kv_keep=0), None, "kv_keep is 0"), (Prefill(), "llama-3.2-1b", "has no phase 'prefill'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(scenario: Scenario, draft: str | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        rs.estimate("llama-3-8b", "h100-sxm", scenario, draft=draft)
    with pytest.raises(InputError, match="keeps no cache"):
        rs.estimate("bert-base", "h100-sxm", Prefill(prompt=128, cached_prompt=64))
