"""Transformers: each weight once a step, each token's keys once, and shards that add to the whole."""

from __future__ import annotations

import pytest

from magnitudes.datatypes import DATA_TYPES
from workloads.catalog import find_model
from workloads.feed_forward import DenseFeedForward, ExpertFeedForward
from workloads.graph import Workload
from workloads.operator import Attention, Collective, Contraction, Gather, GroupedContraction, Operator, Residency, expected_active
from workloads.scenario import Decode, MixedBatch, Prefill, Scenario
from workloads.sharding import Parallelism, Precision
from workloads.transformer import Transformer

ONE = Parallelism()
DECODE = Decode(batch=4.0, context=1023.0)
TOY = Transformer(
    name="toy", hidden=64.0, heads=8.0, kv_heads=2.0, head_dim=8.0, feed_forwards=((6.0, DenseFeedForward(160.0)),), windows=((6.0, None),), vocabulary=1000.0
)
EXPERTS = ExpertFeedForward(experts=8.0, topk=2.0, inner=32.0)
MIXTURE = Transformer(
    name="mixture", hidden=64.0, heads=8.0, kv_heads=8.0, head_dim=8.0, feed_forwards=((6.0, EXPERTS),), windows=((6.0, None),), vocabulary=1000.0
)


def load_of(model: Transformer | str, scenario: Scenario = DECODE, cut: Parallelism = ONE, formats: Precision | None = None) -> Workload:
    found = find_model(model) if isinstance(model, str) else model
    return found.workload(scenario.passes()[0], cut, formats or Precision())


def of_kind(load: Workload, kind: type[Operator]) -> list[tuple[float, Operator]]:
    return [(n.count, n.operator) for n in load.nodes if isinstance(n.operator, kind)]  # type: ignore[misc]


@pytest.mark.parametrize("name", ["llama-3-8b", "llama-3-70b", "llama-3.2-1b", "mistral-7b", "llama-2-7b"])
def test_a_decode_step_reads_each_weight_once(name: str) -> None:
    """All parameters but the embedding, of which only the tokens' rows are read (a tied head is the embedding, read as head)."""
    model = find_model(name)
    assert isinstance(model, Transformer)
    embedding = 0.0 if model.tied else model.vocabulary * model.hidden
    assert load_of(name).byte_of(Residency.WEIGHT) == 2 * (model.parameters - embedding + 4 * model.hidden)


@pytest.mark.parametrize("batch", [1.0, 7.0, 64.0])
def test_weights_are_read_once_whatever_the_batch(batch: float) -> None:
    one, many = load_of(TOY, Decode(batch=1.0)), load_of(TOY, Decode(batch=batch))
    assert many.byte_of(Residency.WEIGHT) - one.byte_of(Residency.WEIGHT) == (batch - 1) * 64 * 2  # rows of the embedding


def test_decoding_reads_keys_and_values_of_kv_heads_once() -> None:
    """32 layers, 4 sequences of 1,024 tokens, 8 key-value heads of 128, keys and values, two bytes; and each new token is written once."""
    load = load_of("llama-3-8b")
    read = sum(count * o.byte_of(Residency.STATE) for count, o in of_kind(load, Attention))
    assert read == 32 * 4 * 1024 * 8 * 128 * 2 * 2
    assert load.byte_of(Residency.STATE) - read == 32 * 4 * 1 * 8 * 128 * 2 * 2
    assert load.state_byte == read


def test_grouped_heads_cut_the_cache_not_the_arithmetic() -> None:
    grouped, full = load_of(TOY), load_of(Transformer(**{f: getattr(TOY, f) for f in TOY.__dataclass_fields__} | {"kv_heads": 8.0}))
    (count, narrow), (_, wide) = of_kind(grouped, Attention)[0], of_kind(full, Attention)[0]
    assert count == 6
    assert narrow.flop == wide.flop
    assert wide.byte_of(Residency.STATE) == 4 * narrow.byte_of(Residency.STATE)


def test_a_prompt_costs_two_flop_a_weight_and_token() -> None:
    load = load_of(TOY, Prefill(batch=1.0, prompt=100.0))
    linear = sum(count * o.matrix_flop for count, o in of_kind(load, Contraction))
    layer = 64 * (64 + 2 * 16) + 64 * 64 + 3 * 64 * 160
    assert linear == 2 * 100 * 6 * layer + 2 * 1 * 64 * 1000  # only the last token needs the head


def test_a_window_bounds_what_is_read_and_held() -> None:
    """Mistral's 4,096 of 10,000 tokens; Gemma 2's window in every second layer."""
    load = load_of("mistral-7b", Decode(batch=1.0, context=9999.0))
    assert sum(c * o.byte_of(Residency.STATE) for c, o in of_kind(load, Attention)) == 32 * 4096 * 8 * 128 * 2 * 2
    assert load.state_byte == 32 * 4096 * 8 * 128 * 2 * 2
    mixed = Transformer(**{f: getattr(TOY, f) for f in TOY.__dataclass_fields__} | {"windows": ((3.0, 16.0), (3.0, None))})
    load = load_of(mixed, Decode(batch=1.0, context=99.0))
    assert [(c, o.kv_read_len) for c, o in of_kind(load, Attention)] == [(3, 16), (3, 100)]  # type: ignore[attr-defined]
    assert load.state_byte == 3 * (16 + 100) * 2 * 2 * 8 * 2


def test_a_chunk_and_decodes_share_the_linear_layers() -> None:
    load = load_of(TOY, MixedBatch(chunk=96.0, chunk_context=32.0, batch=4.0, context=49.0))
    assert {o.m for _, o in of_kind(load, Contraction) if o.name != "head"} == {100.0}  # type: ignore[attr-defined]
    chunk, decodes = (o for _, o in of_kind(load, Attention))
    assert (chunk.q_len, chunk.kv_len, decodes.q_len, decodes.kv_len) == (96, 128, 1, 50)  # type: ignore[attr-defined]
    assert next(o.m for _, o in of_kind(load, Contraction) if o.name == "head") == 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("tp", [2.0, 4.0, 8.0])
def test_tensor_shards_add_to_the_whole(tp: float) -> None:
    whole, shard = load_of("llama-3-8b"), load_of("llama-3-8b", cut=Parallelism(tp=tp))
    assert tp * sum(c * o.matrix_flop for c, o in of_kind(shard, Operator)) == sum(c * o.matrix_flop for c, o in of_kind(whole, Operator))
    split = [{n.operator.name: n.operator for n in load.nodes if isinstance(n.operator, Contraction | Attention)} for load in (whole, shard)]
    for name, operator in split[0].items():
        assert tp * split[1][name].flop == operator.flop, name
        for residency in (Residency.WEIGHT, Residency.STATE):
            assert tp * split[1][name].byte_of(residency) == operator.byte_of(residency), name
    assert tp * shard.state_byte == whole.state_byte
    norms = 65 * 4096 * 2  # whole on every chip
    assert tp * (shard.weight_byte - norms) == whole.weight_byte - norms


def test_key_value_heads_are_copied_where_there_are_fewer_than_chips() -> None:
    whole, shard = load_of(TOY), load_of(TOY, cut=Parallelism(tp=8.0))
    assert 8 * shard.state_byte == 4 * whole.state_byte  # two heads on eight chips


def test_two_all_reduces_a_layer() -> None:
    load = load_of(TOY, cut=Parallelism(tp=2.0))
    reduces = [(c, o) for c, o in of_kind(load, Collective) if o.pattern == "all_reduce"]  # type: ignore[attr-defined]
    assert [(c, o.name) for c, o in reduces] == [(1, "embedding_all_reduce"), (6, "attention_all_reduce"), (6, "feed_forward_all_reduce")]
    assert {o.message_byte for _, o in reduces} == {4 * 64 * 2}  # type: ignore[attr-defined]
    assert of_kind(load_of(TOY), Collective) == []


@pytest.mark.parametrize("pp", [2.0, 3.0, 6.0])
def test_stages_hold_their_layers(pp: float) -> None:
    whole, stage = TOY.chip_parameters(ONE), TOY.chip_parameters(Parallelism(pp=pp))
    layers = 6 * (64 * 64 * 2 + 2 * 64 * 16 + 2 * 64 + 3 * 64 * 160)
    assert whole == TOY.parameters
    assert stage == layers / pp + (TOY.parameters - layers) / 2  # embedding on the first stage, head on the last
    load = load_of(TOY, cut=Parallelism(pp=pp))
    assert load.state_byte == load_of(TOY).state_byte / pp
    sends = [(c, o) for c, o in of_kind(load, Collective) if o.pattern == "send"]  # type: ignore[attr-defined]
    assert [c for c, _ in sends] == [pp - 1]


def test_a_tied_head_is_copied_to_the_last_stage() -> None:
    tied = Transformer(**{f: getattr(TOY, f) for f in TOY.__dataclass_fields__} | {"tied": True})
    assert TOY.parameters - tied.parameters == 1000 * 64
    assert tied.chip_parameters(ONE) == tied.parameters
    assert tied.chip_parameters(Parallelism(pp=2.0)) == TOY.chip_parameters(Parallelism(pp=2.0))


def test_replicas_share_the_batch() -> None:
    one, replica = load_of(TOY), load_of(TOY, cut=Parallelism(dp=2.0))
    assert 2 * replica.flop == one.flop
    assert 2 * replica.state_byte == one.state_byte
    assert replica.weight_byte == one.weight_byte
    assert replica.byte_of(Residency.WEIGHT) == one.byte_of(Residency.WEIGHT) - 2 * 64 * 2  # fewer rows of the embedding
    assert replica.tokens == one.tokens


def test_only_active_experts_are_read() -> None:
    """One token wakes two experts of eight; many wake all."""
    for batch in (1.0, 4.0, 1000.0):
        load = load_of(MIXTURE, Decode(batch=batch))
        (count, up), (_, down) = of_kind(load, GroupedContraction)
        active = expected_active(8.0, 2.0, batch)
        assert count == 6
        assert up.byte_of(Residency.WEIGHT) == active * 2 * 32 * 64 * 2
        assert down.byte_of(Residency.WEIGHT) == active * 32 * 64 * 2
        assert up.flop + down.flop == 2 * batch * 2 * 3 * 32 * 64
    assert expected_active(8.0, 2.0, 1.0) == 2


@pytest.mark.parametrize(
    "cut",
    [Parallelism(tp=4.0, ep=4.0), Parallelism(tp=4.0, ep=2.0), Parallelism(tp=4.0), Parallelism(dp=4.0, ep=4.0), Parallelism(tp=2.0, dp=2.0, ep=2.0)],
    ids=lambda c: f"tp{c.tp:g}-dp{c.dp:g}-ep{c.ep:g}",
)
def test_expert_shards_add_to_the_whole(cut: Parallelism) -> None:
    scenario = Decode(batch=16.0, context=63.0)
    whole, shard = load_of(MIXTURE, scenario), load_of(MIXTURE, scenario, cut)
    for (_, a), (_, b) in zip(of_kind(whole, GroupedContraction), of_kind(shard, GroupedContraction), strict=True):
        assert 4 * b.flop == a.flop
        assert 4 * b.byte_of(Residency.WEIGHT) == pytest.approx(a.byte_of(Residency.WEIGHT))
    experts = 6 * 8 * 3 * 64 * 32
    assert MIXTURE.chip_parameters(cut) <= MIXTURE.parameters - experts + experts / 4
    exchanged = {o.name for _, o in of_kind(shard, Collective) if o.pattern == "all_to_all"}  # type: ignore[attr-defined]
    assert exchanged == ({"dispatch", "combine"} if cut.dp != 1.0 else set())


def test_shared_experts_pass_every_token() -> None:
    shared = ExpertFeedForward(experts=8.0, topk=2.0, inner=32.0, shared_inner=48.0, shared_gate=True)
    assert shared.parameters(64.0, bias=False) == EXPERTS.parameters(64.0, bias=False) + 3 * 64 * 48 + 64
    model = Transformer(**{f: getattr(MIXTURE, f) for f in MIXTURE.__dataclass_fields__} | {"feed_forwards": ((6.0, shared),)})
    up = next(o for _, o in of_kind(load_of(model), Contraction) if o.name == "shared_gate_up")
    assert (up.m, up.n, up.k) == (4, 2 * 48, 64)  # type: ignore[attr-defined]


def test_formats_are_set_apart() -> None:
    """fp8 weights, bf16 activations, fp8 keys and values: each operand has its own bytes."""
    fp8 = DATA_TYPES["fp8"]
    base, mixed = load_of("llama-3-8b"), load_of("llama-3-8b", formats=Precision(weight=fp8, state=fp8))
    linear = [sum(c * o.byte_of(Residency.WEIGHT) for c, o in of_kind(load, Contraction)) for load in (base, mixed)]
    assert linear[0] == 2 * linear[1]
    for residency in (Residency.ACTIVATION, Residency.OUTPUT):
        assert mixed.byte_of(residency) == base.byte_of(residency)
    assert 2 * mixed.byte_of(Residency.STATE) == base.byte_of(Residency.STATE)
    assert 2 * mixed.weight_byte == base.weight_byte
    assert 2 * mixed.state_byte == base.state_byte
    assert {o.arithmetic.name for _, o in of_kind(mixed, Contraction)} == {"bf16"}
    assert mixed.flop == base.flop
    inputs = load_of("llama-3-8b", formats=Precision(activation=fp8))
    assert {o.arithmetic.name for _, o in of_kind(inputs, Contraction)} == {"fp8"}
    assert inputs.byte_of(Residency.WEIGHT) == base.byte_of(Residency.WEIGHT)


def test_an_encoder_has_no_cache_and_no_head() -> None:
    load = load_of("bert-base", Prefill(batch=2.0, prompt=128.0))
    assert load.state_byte == 0
    assert load.byte_of(Residency.STATE) == sum(c * o.byte_of(Residency.STATE) for c, o in of_kind(load, Attention))
    attention = of_kind(load, Attention)[0][1]
    assert attention.pairs == 128 * 128  # type: ignore[attr-defined]
    assert "head" not in {n.operator.name for n in load.nodes}
    assert len(of_kind(load, Gather)) == 1
