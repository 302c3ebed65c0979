"""Write the graphs beside this file again: real models as torch exports them, without their weights (shapes only).

    pip install torch torchvision transformers onnx onnxscript
    python tests/unit/graphs/make.py [NAME ...]

Weights of more than a few elements are marked as lying in a file that does not exist, which is all that an importer of shapes needs.
`counted.json` holds what torch counts of the same modules: parameters, and multiply-adds by `torch.utils.flop_counter`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import onnx
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent
KEPT_BYTE = 256  # of a stored tensor that is kept
BATCH, TOKENS = 2, 64  # of the dynamic examples
IMAGE = {"x": (3, 224, 224)}


def vision() -> Any:
    """torchvision, whether its compiled operators fit the torch that is installed or not: no classifier needs them."""
    with patch("torch.library.register_fake", lambda *_, **__: lambda f: f):
        import torchvision

        return torchvision.models


def image(name: str) -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """A classifier of torchvision, for any number of images."""
    return vision().get_model(name), {"x": torch.zeros(BATCH, 3, 224, 224)}, {"x": {0: "batch"}}


def still(name: str) -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """The same for one image."""
    return vision().get_model(name), {"x": torch.zeros(1, 3, 224, 224)}, {}


def _tokens() -> torch.Tensor:
    return torch.zeros(BATCH, TOKENS, dtype=torch.long)


def bert() -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    vision()
    from transformers import BertConfig, BertModel

    sizes = {0: "batch", 1: "sequence"}
    return (
        BertModel(BertConfig(), add_pooling_layer=True),
        {"input_ids": _tokens(), "attention_mask": torch.ones_like(_tokens())},
        {"input_ids": sizes, "attention_mask": sizes},
    )


class WithCache(torch.nn.Module):
    """A language model that leaves the last token's scores, and keys and values for a cache."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.model(input_ids, use_cache=True, logits_to_keep=1)
        return found.logits, *(t for layer in found.past_key_values.layers for t in (layer.keys, layer.values))


def gpt2() -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    vision()
    from transformers import GPT2Config, GPT2LMHeadModel

    return WithCache(GPT2LMHeadModel(GPT2Config())), {"input_ids": _tokens()}, {"input_ids": {0: "batch", 1: "sequence"}}


def smollm2() -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """SmolLM2-135M: a small Llama, as published."""
    vision()
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, vocab_size=49152,
        tie_word_embeddings=True,
    )  # fmt: skip
    return WithCache(LlamaForCausalLM(config)), {"input_ids": _tokens()}, {"input_ids": {0: "batch", 1: "sequence"}}


def t5() -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """T5-small, encoder and decoder in one pass."""
    vision()
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, vocab_size=32128, use_cache=False)
    return T5ForConditionalGeneration(config), {"input_ids": _tokens(), "decoder_input_ids": _tokens()[:, :16]}, {}


def whisper() -> tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]:
    """Whisper-tiny, encoder and decoder in one pass."""
    vision()
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        d_model=384, encoder_layers=4, decoder_layers=4, encoder_attention_heads=6, decoder_attention_heads=6, encoder_ffn_dim=1536, decoder_ffn_dim=1536,
        vocab_size=51865, use_cache=False,
    )  # fmt: skip
    return WhisperForConditionalGeneration(config), {"input_features": torch.zeros(1, 80, 3000), "decoder_input_ids": _tokens()[:1, :16]}, {}


GRAPHS: dict[str, Callable[[], tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]]] = {
    "resnet50": lambda: image("resnet50"), "mobilenet_v2": lambda: image("mobilenet_v2"), "vgg16": lambda: still("vgg16"),
    "efficientnet_b0": lambda: still("efficientnet_b0"), "vit_b_16": lambda: image("vit_b_16"), "convnext_tiny": lambda: still("convnext_tiny"),
    "squeezenet1_1": lambda: still("squeezenet1_1"), "densenet121": lambda: still("densenet121"), "swin_t": lambda: still("swin_t"),
    "bert": bert, "gpt2": gpt2, "smollm2": smollm2, "t5_small": t5, "whisper_tiny": whisper,
}  # fmt: skip


def write(name: str) -> dict[str, Any]:
    """One graph, and what torch counts of it."""
    module, inputs, dynamic = GRAPHS[name]()
    module.eval()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operator, which nobody counts or exports
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(0.5, 1.5)  # exporters leave out biases that are zero, and products with one
    shapes = {k: {axis: torch.export.Dim(size) for axis, size in dynamic.get(k, {}).items()} or None for k in inputs} if dynamic else None
    with torch.no_grad(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            module(**inputs)
        program = torch.onnx.export(module, (), kwargs=inputs, dynamo=True, dynamic_shapes=shapes, verbose=False)
        program.save(f"{folder}/graph.onnx")
        model = onnx.load(f"{folder}/graph.onnx", load_external_data=False)
    onnx.save(stripped(model), HERE / f"{name}.onnx")
    return {
        "parameters": sum(p.numel() for p in {id(p): p for p in module.parameters()}.values()),
        "macs": counter.get_total_flops() / 2,
        "inputs": {k: list(v.shape) if isinstance(v, torch.Tensor) else v for k, v in inputs.items()},
        "torch": torch.__version__.split("+")[0],
    }


def stripped(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model without weights, and without what exporters note beside the graph."""
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.ByteSize() > KEPT_BYTE:
            bare = onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type, data_location=onnx.TensorProto.EXTERNAL)
            bare.external_data.add(key="location", value="not_kept")
            tensor.CopyFrom(bare)
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for info in (*graph.input, *graph.output, *graph.initializer):
        del info.metadata_props[:]
    del graph.value_info[:], graph.metadata_props[:], model.metadata_props[:]
    del model.functions[:]
    return model


if __name__ == "__main__":
    book = HERE / "counted.json"
    counted = json.loads(book.read_text()) if book.exists() else {}
    for name in sys.argv[1:] or GRAPHS:
        counted[name] = write(name)
        print(name, counted[name], f"{(HERE / f'{name}.onnx').stat().st_size:,} bytes")
    book.write_text(json.dumps(dict(sorted(counted.items())), indent=1) + "\n")
