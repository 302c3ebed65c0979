"""Decoders of all kinds: what latent attention, chunks, searched blocks, scans and experts cost, by arithmetic on the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magnitudes.arrays import as_float
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.importers.huggingface import model_of
from workloads.model import ModelError
from workloads.operator import Attention, Operator, Residency, Scan
from workloads.scenario import Decode, MixedBatch, Prefill, Scenario
from workloads.sharding import Parallelism, Precision
from workloads.shipped import SHIPPED


def load_of(name: str, scenario: Scenario, cut: Parallelism | None = None) -> Workload:
    return find_model(name).workload(scenario.passes()[0], cut or Parallelism(), Precision())


def operators(load: Workload, kind: type[Operator], starts: str = "") -> list[tuple[float, Any]]:
    return [(as_float(n.count), n.operator) for n in load.nodes if isinstance(n.operator, kind) and n.operator.name.startswith(starts)]


def config(name: str, **changes: Any) -> Any:
    tree = json.loads((SHIPPED / f"{name}.json").read_text())
    return model_of({k: v for k, v in (tree | changes).items() if v != "left out"}, "mine", "config.json")


def test_latent_attention_reads_one_vector_a_token_for_all_heads() -> None:
    """DeepSeek-V3: 512 + 64 elements a token and layer, once for keys and values; 128 heads score 576 of them and weigh 512."""
    load = load_of("deepseek-v3", Decode(batch=4, context=999))
    assert sum(n for n, _ in operators(load, Attention)) == 61
    attention = operators(load, Attention)[0][1]
    assert attention.byte_of(Residency.STATE) == 4 * 1000 * 576 * 2
    assert attention.matrix_flop == 2 * 4 * 128 * 1000 * (576 + 512)
    assert load.state_byte == 4 * 1000 * 576 * 2 * 61


def test_latent_attention_expands_a_prompt() -> None:
    load = load_of("deepseek-v3", Prefill(batch=2, prompt=100))
    attention = operators(load, Attention)[0][1]
    assert attention.matrix_flop == 2 * 2 * 128 * (100 * 101 / 2) * (192 + 128)
    expand = next(n.operator for n in load.nodes if n.operator.name.startswith("kv_up"))
    assert (expand.m, expand.n, expand.k) == (200, 128 * (128 + 128), 512)  # type: ignore[attr-defined]


@pytest.mark.parametrize("scenario", [Prefill(batch=2, prompt=100), Decode(batch=4, context=999)])
def test_absorbed_or_expanded_the_weights_are_the_same(scenario: Scenario) -> None:
    """One step reads all attention weights of a layer once, whichever way round the products are."""
    names = ("q_down", "q_up", "kv_down", "kv_up", "q_absorb", "v_absorb", "out")
    load = load_of("deepseek-v3", scenario)
    read = sum(as_float(n.operator.byte_of(Residency.WEIGHT)) for n in load.nodes if n.operator.name.startswith(names) and n.operator.name.endswith("_experts"))
    assert read == 2 * (7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168)


def test_latent_vectors_are_whole_on_every_chip() -> None:
    one, eight = (load_of("deepseek-v3", Decode(batch=4, context=999), Parallelism(tp=tp)) for tp in (1.0, 8.0))
    assert eight.state_byte == one.state_byte
    assert operators(eight, Attention)[0][1].heads == 16


def test_chunks_cut_a_prompt_and_bound_a_cache() -> None:
    """Scout: 12 of 48 layers see everything, 36 see their chunk of 8192."""
    load = load_of("llama-4-scout", Prefill(batch=1, prompt=32768))
    counts = {op.name: (n, op) for n, op in operators(load, Attention)}
    chunked, full = counts["attention_experts_chunked"], counts["attention_experts_full"]
    assert (chunked[0], full[0]) == (36, 12)
    assert chunked[1].pairs * chunked[1].batch == 4 * 8192 * 8193 / 2
    assert full[1].pairs == 32768 * 32769 / 2
    a_layer = 2 * 8 * 128 * 2
    assert load_of("llama-4-scout", Decode(batch=1, context=99999)).state_byte == a_layer * (12 * 100000 + 36 * 8192)
    short = operators(load_of("llama-4-scout", Prefill(batch=1, prompt=100)), Attention)
    assert {op.pairs * op.batch for _, op in short} == {100 * 101 / 2}


def test_experts_interleave() -> None:
    """Maverick has experts in every second layer, Scout in all."""
    for name, sparse in (("llama-4-maverick", 24), ("llama-4-scout", 48)):
        load = load_of(name, Decode())
        assert sum(as_float(n.count) for n in load.nodes if n.operator.name.startswith("expert_down")) == sparse


def test_windows_of_gemma_3_and_gpt_oss() -> None:
    for name, window, windowed, full in (("gemma-3-27b", 1024, 52, 10), ("gpt-oss-20b", 128, 12, 12)):
        counts = {op.window: n for n, op in operators(load_of(name, Decode(context=5000)), Attention)}
        assert counts == {window: windowed, None: full}


def test_searched_blocks_differ_from_layer_to_layer() -> None:
    """Nemotron-51B: 54 layers attend, 10 of them with fewer key-value heads; 18 have a linear map in place of attention, 8 have neither."""
    load = load_of("llama-3.3-nemotron-super-49b", Decode(batch=1, context=999))
    assert sum(n for n, _ in operators(load, Attention)) == 49
    assert load.state_byte == 49 * 1000 * 2 * 8 * 128 * 2
    assert sum(as_float(n.count) for n in load.nodes if n.operator.name.startswith("down")) == 80
    load = load_of("llama-3.1-nemotron-51b", Decode(batch=1, context=999))
    heads = {kv: sum(n for n, a in operators(load, Attention) if a.kv_heads == kv) for kv in (1, 2, 4, 8)}
    assert heads == {1: 3, 2: 6, 4: 1, 8: 44}
    assert load.state_byte == sum(kv * n for kv, n in heads.items()) * 1000 * 2 * 128 * 2


def test_a_block_may_be_a_linear_map_or_nothing() -> None:
    def block(**attention: Any) -> dict[str, Any]:
        return {"attention": attention, "ffn": {"ffn_mult": 1.0}}

    blocks = [block(n_heads_in_group=8), block(replace_with_linear=True), block(no_op=True)]
    made = config("llama-3.3-nemotron-super-49b", num_hidden_layers=3, block_configs=blocks)
    width, inner = 8192, 5632  # 2/3 of the width, up to the next multiple of 256
    embeddings, norms = 2 * 128256 * width, (2 + 2 + 1 + 1) * width
    assert made.parameters == embeddings + norms + 2 * width * width + 2 * width * 1024 + width * width + 3 * 3 * width * inner
    with pytest.raises(ModelError, match="one block a layer"):
        config("llama-3.3-nemotron-super-49b", num_hidden_layers=4, block_configs=blocks)


def test_a_block_says_its_own_sizes_in_either_spelling() -> None:
    """As a multiple of the width and a group of heads, or in full; a layer of which nothing is left costs nothing; a window keeps less."""
    width = {"ffn_mult": 4.875}  # of 16384: 2/3 of it are 53248
    old = [{"attention": {"n_heads_in_group": 16, "no_op": False}, "ffn": width}, {"attention": {"no_op": True}, "ffn": {"no_op": True}}]
    new = [{"attention": {"num_key_value_heads": 8}, "ffn": {"intermediate_size": 53248}}, {"attention": {"no_op": True}, "ffn": {"no_op": True}}]
    shape = {"hidden_size": 16384, "num_attention_heads": 128, "num_hidden_layers": 2}
    made = [config("llama-3.1-nemotron-51b", block_configs=blocks, **shape) for blocks in (old, new)]
    assert made[0].parameters == made[1].parameters == 2 * 128256 * 16384 + 3 * 16384 + (2 * 16384 + 2 * 1024 + 3 * 53248) * 16384
    short = config("llama-3.1-nemotron-51b", block_configs=[{**old[0], "attention": {"n_heads_in_group": 16, "window_length": 100}}, old[1]], **shape)
    kept = [m.workload(Decode(batch=1, context=999).passes()[0], Parallelism(), Precision()).state_byte for m in (made[0], short)]
    assert kept == [1000 * 2 * 1024 * 2, 100 * 2 * 1024 * 2]


def test_an_older_decilm_lists_its_key_value_heads_alone() -> None:
    shape = {"model_type": "deci", "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 3, "vocab_size": 32000, "intermediate_size": 14336}
    made = model_of({**shape, "num_key_value_heads_per_layer": [4, 1, 4]}, "deci", "config.json")
    assert made.parameters == 2 * 32000 * 4096 + 4096 + 3 * (2 * 4096 + (2 * 4096 + 3 * 14336) * 4096) + (4 + 1 + 4) * 2 * 128 * 4096
    with pytest.raises(ModelError, match="2 entries for 3 layers"):
        model_of({**shape, "num_key_value_heads_per_layer": [4, 1]}, "deci", "config.json")


@pytest.mark.parametrize(("name", "elements"), [
    ("mamba-2.8b", 64 * 5120 * (16 + 4)), ("mamba2-2.7b", 64 * (5120 * (128 + 4) + 256 * 4)), ("rwkv-4-169m", 12 * 768 * 5),
])  # fmt: skip
def test_a_recurrence_keeps_the_same_however_long_the_context(name: str, elements: int) -> None:
    short, long = (load_of(name, Decode(batch=3, context=c)) for c in (10, 100_000))
    assert short.state_byte == long.state_byte == 3 * elements * 2
    assert short.flop == long.flop
    assert short.byte == long.byte


def test_jamba_mixes_attention_scans_and_experts() -> None:
    load = load_of("jamba-v0.1", Decode(batch=1, context=999))
    assert sum(n for n, _ in operators(load, Attention)) == 4
    assert sum(n for n, _ in operators(load, Scan)) == 28
    assert sum(as_float(n.count) for n in load.nodes if n.operator.name.startswith("expert_down")) == 16
    assert load.state_byte == 4 * 1000 * 2 * 8 * 128 * 2 + 28 * 8192 * 20 * 2


def test_chunked_recurrence_is_linear_in_the_prompt() -> None:
    """MiniMax: 70 layers of lightning attention cost the same a token, however long the prompt; chunks of 256."""

    def flop(prompt: float) -> float:
        load = load_of("minimax-text-01", Prefill(batch=1, prompt=prompt))
        return sum(as_float(n.count * n.operator.flop) for n in load.nodes if n.operator.name.startswith(("chunk", "scan")))

    assert flop(8192) == pytest.approx(8 * flop(1024))
    a_token = 64 * (2 * 256 * 128 * 2 + 2 * 128 * 128 * 2)  # scores and values of the chunk, and to and from the state
    chunk_scans = 6 * 64 * 128 * 128 / 256
    assert flop(1024) == pytest.approx(70 * 1024 * (a_token + chunk_scans))


def test_parallel_halves_share_a_norm_and_a_reduction() -> None:
    load = load_of("falcon-7b", Decode())
    names = [n.operator.name for n in load.nodes if n.count == 32.0]
    assert names == ["qkv", "rotary_and_cache", "attention", "out", "up", "down", "norm_next"]
    cut = find_model("falcon-40b").workload(Decode().passes()[0], Parallelism(tp=8.0), Precision())
    assert [n.operator.name for n in cut.nodes if n.operator.kind == "collective"] == ["embedding_all_reduce", "layer_all_reduce", "logits_all_gather"]


@pytest.mark.parametrize("name", ["deepseek-v2-lite", "llama-4-scout", "jamba-v0.1", "minimax-text-01", "falcon-40b", "mamba2-2.7b", "gpt-oss-20b"])
def test_a_chunk_of_a_prompt_beside_decodes_is_the_sum_of_both(name: str) -> None:
    """A mixed batch does no arithmetic that its parts do not do (experts aside: they see more tokens)."""
    mixed = load_of(name, MixedBatch(chunk=64, batch=4, context=255))
    prompt, decode = load_of(name, Prefill(batch=1, prompt=64)), load_of(name, Decode(batch=4, context=255))
    assert as_float(mixed.flop) == pytest.approx(as_float(prompt.flop) + as_float(decode.flop), rel=0.02)


def test_other_spellings_of_the_same_model() -> None:
    hf = {
        "model_type": "glm", "hidden_size": 4096, "intermediate_size": 13696, "head_dim": 128, "num_attention_heads": 32, "num_hidden_layers": 40,
        "num_key_value_heads": 2, "vocab_size": 151552, "attention_bias": True, "tie_word_embeddings": False,
    }  # fmt: skip
    assert model_of(hf, "mine", "config.json").parameters == find_model("glm-4-9b").parameters
    kinds = ["linear_attention" if i % 8 < 7 else "full_attention" for i in range(80)]
    assert config("minimax-text-01", model_type="minimax", attn_type_list="left out", layer_types=kinds).parameters == find_model("minimax-text-01").parameters
    text = json.loads((SHIPPED / "llama-4-scout.json").read_text())
    assert model_of({"model_type": "llama4", "text_config": text}, "mine", "config.json").parameters == find_model("llama-4-scout").parameters
