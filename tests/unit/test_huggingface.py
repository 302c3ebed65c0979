"""Configurations as Hugging Face publishes them: parameter counts as published, and every mistake named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from workloads import catalog
from workloads.catalog import find_model
from workloads.importers.huggingface import ARCHITECTURES, model_of, read_config
from workloads.model import ModelError
from workloads.scenario import Decode
from workloads.sharding import Parallelism, Precision
from workloads.transformer import Transformer

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "attention_bias": False, "bos_token_id": 128000, "hidden_act": "silu", "hidden_size": 4096,
    "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 8192, "model_type": "llama", "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": None, "rope_theta": 500000.0,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": 128256,
}  # fmt: skip
MISTRAL = {
    "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "sliding_window": 4096, "tie_word_embeddings": False, "vocab_size": 32000,
}  # fmt: skip
MIXTRAL = MISTRAL | {"model_type": "mixtral", "num_experts_per_tok": 2, "num_local_experts": 8, "sliding_window": None, "router_aux_loss_coef": 0.02}
QWEN2 = {
    "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2,
    "sliding_window": 32768, "use_sliding_window": False, "max_window_layers": 21, "tie_word_embeddings": True, "vocab_size": 151936,
}  # fmt: skip
QWEN2_MOE = {
    "model_type": "qwen2_moe", "decoder_sparse_step": 1, "hidden_size": 2048, "intermediate_size": 5632, "moe_intermediate_size": 1408,
    "num_attention_heads": 16, "num_experts": 60, "num_experts_per_tok": 4, "num_hidden_layers": 24, "num_key_value_heads": 16,
    "shared_expert_intermediate_size": 5632, "tie_word_embeddings": False, "vocab_size": 151936,
}  # fmt: skip
QWEN3 = {
    "model_type": "qwen3", "head_dim": 128, "hidden_size": 4096, "intermediate_size": 12288, "num_attention_heads": 32, "num_hidden_layers": 36,
    "num_key_value_heads": 8, "sliding_window": None, "tie_word_embeddings": False, "vocab_size": 151936, "attention_bias": False,
}  # fmt: skip
QWEN3_MOE = {
    "model_type": "qwen3_moe", "decoder_sparse_step": 1, "head_dim": 128, "hidden_size": 2048, "intermediate_size": 6144, "mlp_only_layers": [],
    "moe_intermediate_size": 768, "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48,
    "num_key_value_heads": 4, "tie_word_embeddings": False, "vocab_size": 151936,
}  # fmt: skip
GEMMA = {
    "model_type": "gemma", "head_dim": 256, "hidden_size": 2048, "intermediate_size": 16384, "num_attention_heads": 8, "num_hidden_layers": 18,
    "num_key_value_heads": 1, "vocab_size": 256000,
}  # fmt: skip
GEMMA2 = {
    "model_type": "gemma2", "head_dim": 256, "hidden_size": 3584, "intermediate_size": 14336, "num_attention_heads": 16, "num_hidden_layers": 42,
    "num_key_value_heads": 8, "sliding_window": 4096, "vocab_size": 256000, "attn_logit_softcapping": 50.0,
}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_inner": None, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}
OPT = {
    "model_type": "opt", "do_layer_norm_before": True, "ffn_dim": 16384, "hidden_size": 4096, "max_position_embeddings": 2048, "num_attention_heads": 32,
    "num_hidden_layers": 32, "vocab_size": 50272, "word_embed_proj_dim": 4096,
}  # fmt: skip
BLOOM = {"model_type": "bloom", "n_embed": 4096, "n_layer": 30, "num_attention_heads": 32, "vocab_size": 250880, "hidden_dropout": 0.0}
GPT_NEOX = {
    "model_type": "gpt_neox", "hidden_size": 4096, "intermediate_size": 16384, "max_position_embeddings": 2048, "num_attention_heads": 32,
    "num_hidden_layers": 32, "rotary_pct": 0.25, "tie_word_embeddings": False, "use_parallel_residual": True, "vocab_size": 50432,
}  # fmt: skip
BERT = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
    "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30522, "pad_token_id": 0,
}  # fmt: skip
RESNET = {"model_type": "resnet", "depths": [3, 4, 6, 3], "embedding_size": 64, "hidden_sizes": [256, 512, 1024, 2048], "layer_type": "bottleneck"}

# Weights of the published checkpoints.
PUBLISHED: list[tuple[dict[str, Any], float]] = [
    (LLAMA, 8_030_261_248), (MISTRAL, 7_241_732_096), (MIXTRAL, 46_702_792_704), (QWEN2, 494_032_768), (QWEN2_MOE, 14_315_784_192), (QWEN3, 8_190_735_360),
    (QWEN3_MOE, 30_532_122_624), (GEMMA, 2_506_172_416), (GEMMA2, 9_241_705_984), (GPT2, 124_439_808), (OPT, 6_658_473_984), (BLOOM, 7_069_016_064),
    (GPT_NEOX, 6_857_302_016), (BERT, 109_482_240), (RESNET, 25_557_032),
]  # fmt: skip
REQUIRED = {
    "llama": ["hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "vocab_size"],
    "mixtral": ["num_local_experts", "num_experts_per_tok", "num_hidden_layers", "intermediate_size"],
    "qwen2_moe": ["num_experts", "num_experts_per_tok", "moe_intermediate_size"], "qwen3_moe": ["num_experts", "moe_intermediate_size"],
    "gemma2": ["sliding_window", "hidden_size"], "gpt2": ["n_embd", "n_layer", "n_head", "n_positions", "vocab_size"],
    "opt": ["ffn_dim", "hidden_size", "max_position_embeddings"], "bloom": ["n_layer", "num_attention_heads", "n_embed", "vocab_size"],
    "gpt_neox": ["intermediate_size", "hidden_size"], "bert": ["max_position_embeddings", "intermediate_size", "vocab_size"], "resnet": ["depths"],
    "mistral": ["hidden_size"], "qwen2": ["vocab_size"], "qwen3": ["num_hidden_layers"], "gemma": ["vocab_size"],
}  # fmt: skip
ALIASES = {"llama4", "glm", "minimax", "deci"}  # other spellings of what is shipped
BY_KIND = {config["model_type"]: config for config, _ in PUBLISHED}


def model(config: dict[str, Any], **changes: Any) -> Any:
    return model_of({k: v for k, v in (config | changes).items() if v != "left out"}, "mine", "config.json")


SHIPPED = {tree["model_type"]: tree for file in sorted(catalog.SHIPPED.glob("*.json")) for tree in [json.loads(file.read_text())]}


def test_every_architecture_is_tried() -> None:
    """A published configuration of each is here or shipped; those here are exact, those shipped are held to their counts in test_models."""
    assert set(BY_KIND) == set(REQUIRED)
    assert set(BY_KIND) | set(SHIPPED) | set(ALIASES) == set(ARCHITECTURES)


@pytest.mark.parametrize("kind", sorted({*SHIPPED, *BY_KIND}))
def test_a_field_less_is_a_default_or_a_refusal_that_names_it(kind: str) -> None:
    """Never another error, whatever is left out, and whatever stands in its place."""
    config = {k: v for k, v in SHIPPED.get(kind, BY_KIND.get(kind, {})).items() if not k.startswith("_")}
    for field in [f for f in config if f != "model_type"]:
        for value in ("left out", -1, "4096", math.nan, {}, [], [-1], None):
            try:
                assert model(config, **{field: value}).parameters > 0
            except ModelError as error:
                assert "config.json: " in str(error)


@pytest.mark.parametrize(("config", "parameters"), PUBLISHED, ids=lambda x: x["model_type"] if isinstance(x, dict) else "")
def test_parameters_as_published(config: dict[str, Any], parameters: float) -> None:
    assert model(config).parameters == pytest.approx(parameters, rel=0.005)
    assert model(config).parameters == parameters, "the published count is exact for each of these"


@pytest.mark.parametrize(("kind", "field"), [(k, f) for k, fields in REQUIRED.items() for f in fields])
def test_a_missing_field_is_named(kind: str, field: str) -> None:
    with pytest.raises(ModelError, match=rf"config\.json: .*{field}"):
        model(BY_KIND[kind], **{field: "left out"})


def test_a_missing_field_names_what_was_near() -> None:
    with pytest.raises(ModelError, match=r"num_hidden_layers is missing \(near: .*num_hidden_layer"):
        model(LLAMA, num_hidden_layers="left out", num_hidden_layer=32)


@pytest.mark.parametrize("value", ["4096", -1, 0, True, math.nan, math.inf, [4096], {"a": 1}, 1.5, 10**400, 1e15])
def test_a_size_is_a_positive_whole_number(value: Any) -> None:
    with pytest.raises(ModelError, match=r"config\.json: hidden_size is .*; it should be a (positive|whole) number"):
        model(LLAMA, hidden_size=value)


def test_a_flag_is_true_or_false() -> None:
    with pytest.raises(ModelError, match="tie_word_embeddings is 'false'; it should be true or false"):
        model(LLAMA, tie_word_embeddings="false")


@pytest.mark.parametrize("depths", [[], "3463", [3, "4"], [3, 4.5], [0, 1], None, 3])
def test_depths_are_whole_numbers(depths: Any) -> None:
    with pytest.raises(ModelError, match=r"depths is .*such as \[3, 4, 6, 3\]"):
        model(RESNET, depths=depths)


@pytest.mark.parametrize(("kind", "says"), [("lama", "did you mean .*llama"), ("mamba9", "known: llama"), (["llama"], "known: llama"), (7, "known: llama")])
def test_an_unknown_architecture_names_the_near(kind: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        model(LLAMA, model_type=kind)


def test_no_architecture_at_all() -> None:
    with pytest.raises(ModelError, match="the field model_type is missing"):
        model(LLAMA, model_type="left out")


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ModelError, match="4096 is not a multiple of num_attention_heads 33"):
        model(LLAMA, num_attention_heads=33)
    assert model(LLAMA, num_attention_heads=33, head_dim=128, num_key_value_heads=33).head_dim == 128
    with pytest.raises(ModelError, match="768 is not a multiple of the 13 heads"):
        model(GPT2, n_head=13)


def test_query_heads_must_share_key_value_heads_evenly() -> None:
    with pytest.raises(ModelError, match="num_attention_heads 32 is not a multiple of num_key_value_heads 5"):
        model(LLAMA, num_key_value_heads=5)


def test_what_the_fields_mean() -> None:
    llama, gemma2, mixtral = model(LLAMA), model(GEMMA2), model(MIXTRAL)
    assert (llama.kv_heads, llama.head_dim, llama.layers, llama.windows) == (8, 128, 32, ((32, None),))
    assert model(LLAMA, num_key_value_heads="left out").kv_heads == 32, "no field means that each head has its own"
    assert gemma2.windows == ((21, 4096), (21, None))
    assert gemma2.tied
    assert model(MISTRAL).windows == ((32, 4096),)
    assert mixtral.windows == ((32, None),), "null is no window"
    assert model(LLAMA, attention_bias=True).parameters - llama.parameters == 32 * (4096 + 2 * 1024 + 4096), "queries, keys, values and output"
    assert model(BERT).phases == ("prefill",)


def test_experts_in_every_second_layer() -> None:
    mixed = model(QWEN2_MOE, decoder_sparse_step=2)
    assert isinstance(mixed, Transformer)
    assert [(count, part.label) for count, part in mixed.feed_forwards] == [(12, "_dense"), (12, "")]
    names = [n.operator.name for n in mixed.workload(Decode().passes()[0], Parallelism(), Precision()).nodes]
    assert len(names) == len(set(names))


def test_files_and_folders_are_found_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    assert find_model(str(folder)).name == "my-llama"
    assert find_model(str(folder / "config.json")).name == "my-llama"
    (tmp_path / "tiny.json").write_text(json.dumps(GPT2))
    assert find_model(str(tmp_path / "tiny.json")).name == "tiny"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is not JSON"), (b"{", "is not JSON"), (b"\xff\xfe\x00", "is not JSON"), (b"[1]", "should be a JSON object"), (b"3", "should be a JSON object"),
        (b"[" * 100_000, "is not JSON"), (b"{}", "model_type is missing"), (b'{"model_type": null}', "model_type is missing"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration(tmp_path: Path, text: bytes, says: str) -> None:
    (tmp_path / "bad.json").write_bytes(text)
    with pytest.raises(ModelError, match=says):
        read_config(tmp_path / "bad.json")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_config(tmp_path / "none.json")
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_config(tmp_path)
