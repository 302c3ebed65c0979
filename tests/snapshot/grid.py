"""The fixed grid of questions whose answers are kept: a line a prediction, sorted, so that a drift reads as a diff."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from roofscape import api
from simulator.result import Estimate
from workloads.scenario import Decode, Images, Inference, MixedBatch, Prefill, Scenario

FILE = Path(__file__).parent / "predictions.csv"
HEADER = "fidelity,model,machine,scenario,figure,value"

SCENARIOS: dict[str, Scenario] = {
    "prefill-1x2048": Prefill(batch=1, prompt=2048), "prefill-8x512": Prefill(batch=8, prompt=512), "decode-1x2048": Decode(batch=1, context=2048),
    "decode-32x2048": Decode(batch=32, context=2048), "decode-128x8192": Decode(batch=128, context=8192), "images-1": Images(batch=1),
    "images-64": Images(batch=64), "mixed": MixedBatch(chunk=512, batch=32, context=2048), "inference": Inference(batch=8, prompt=1024, output=256),
}  # fmt: skip
DECODER = ("prefill-1x2048", "decode-1x2048", "decode-32x2048")
QUESTIONS: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [  # model, machines, scenarios
    (
        "llama-3-8b",
        ("h100-sxm", "a100-sxm-80gb", "v100-sxm2", "l40s", "mi300x", "b200", "gaudi3", "tpu-v5e"),
        (*DECODER, "prefill-8x512", "mixed", "inference"),
    ),
    ("llama-3-70b", ("8xh100-sxm", "dgx-a100", "mi300x-8"), (*DECODER, "decode-128x8192")),
    ("llama-2-13b", ("h100-pcie", "2xv100-pcie"), DECODER),
    ("llama-3.1-405b", ("16xh200",), DECODER),
    ("mistral-7b", ("h100-sxm",), (*DECODER, "decode-128x8192")),
    ("mixtral-8x7b", ("4xh100-sxm", "dgx-a100"), DECODER),
    ("qwen3-30b-a3b", ("h100-sxm",), DECODER),
    ("qwen2.5-7b", ("t4", "p100-pcie", "mi100"), DECODER),
    ("gpt2", ("t4", "xeon-platinum-8480"), DECODER),
    ("gpt3-175b", ("dgx-h100",), DECODER),
    ("bloom-176b", ("dgx-b200",), DECODER),
    ("bert-large", ("a100-pcie-40gb", "t4"), ("prefill-8x512",)),
    ("deepseek-v3", ("8xh200",), DECODER),
    ("jamba-v0.1", ("2xh100-sxm",), DECODER),
    ("mamba2-2.7b", ("h100-sxm",), DECODER),
    ("whisper-small", ("h100-sxm",), ("inference",)),
    ("mobilenet-v2", ("h100-sxm",), ("images-64",)),
    ("resnet-50", ("a100-sxm-80gb", "v100-sxm2", "tpu-v4", "xeon-platinum-8480"), ("images-1", "images-64")),
]
BY_OPERATOR = {  # per-operator times, and elasticities' raw material
    ("llama-3-8b", "h100-sxm", "decode-32x2048"), ("llama-3-8b", "a100-sxm-80gb", "prefill-1x2048"), ("mixtral-8x7b", "4xh100-sxm", "decode-32x2048"),
    ("resnet-50", "a100-sxm-80gb", "images-64"),
}  # fmt: skip
CUTS: list[tuple[str, str, str, dict[str, float]]] = [  # the same with degrees of parallelism said
    ("llama-3-70b", "8xh100-sxm", "decode-32x2048", {"tp": 2, "pp": 4}),
    ("mixtral-8x7b", "8xh100-sxm", "decode-32x2048", {"dp": 8, "ep": 8}),
    ("mixtral-8x7b", "8xh100-sxm", "prefill-8x512", {"tp": 8, "ep": 4}),
    ("llama-3-8b", "16xh100-sxm", "prefill-8x512", {"tp": 16}),
]
VARIANTS: dict[str, dict[str, str]] = {"eager": {"timing": "eager"}, "kernel": {"timing": "kernel"}, "fp8": {"dtype": "fp8"}, "fp8-kv": {"kv_dtype": "fp8"},
                                       "int4": {"dtype": "int4", "activation_dtype": "fp16"}}  # fmt: skip


def predictions() -> list[str]:
    """All predictions, a line each, sorted."""
    return sorted(_lines())


def _lines() -> Iterator[str]:
    for fidelity in ("roofline", "tile"):
        for model, machines, scenarios in QUESTIONS:
            for machine in machines:
                for scenario in scenarios:
                    found = api.estimate(model, machine, SCENARIOS[scenario], fidelity=fidelity)
                    yield from _figures(found, f"{fidelity},{model},{machine},{scenario}", by_operator=(model, machine, scenario) in BY_OPERATOR)
        for model, machine, scenario, cut in CUTS:
            found = api.estimate(model, machine, SCENARIOS[scenario], fidelity=fidelity, **cut)  # type: ignore[arg-type]
            label = scenario + "".join(f" {k}{v:g}" for k, v in cut.items())
            yield from _figures(found, f"{fidelity},{model},{machine},{label}")
    for name, options in VARIANTS.items():
        found = api.estimate("llama-3-8b", "h100-sxm", SCENARIOS["decode-32x2048"], **options)  # type: ignore[arg-type]
        yield from _figures(found, f"tile,llama-3-8b,h100-sxm,decode-32x2048 {name}")


def _figures(found: Estimate, label: str, *, by_operator: bool = False) -> Iterator[str]:
    yield f"{label},bound,{found.bound}"
    yield f"{label},memory_byte,{found.memory.total_byte:.12g}"
    yield f"{label},time_s,{found.time_s:.12g}"
    if by_operator:
        yield from (f"{label},{cost.operator.name},{cost.time_s:.12g}" for cost in found.passes[0].costs)  # type: ignore[arg-type]


def differences(old: list[str], new: list[str], tolerance: float = 1e-9) -> list[str]:
    """A table of what changed: old, new and relative change; empty where nothing did."""
    before, after = (dict(line.rsplit(",", 1) for line in lines) for lines in (old, new))
    rows = []
    for key in sorted({*before, *after}):
        a, b = before.get(key, "-"), after.get(key, "-")
        try:
            change = float(b) / float(a) - 1
        except ValueError:
            if a != b:
                rows.append(f"{key:90s} {a:>24s} {b:>24s}")
            continue
        if abs(change) > tolerance:
            rows.append(f"{key:90s} {float(a):24.12g} {float(b):24.12g} {change:+12.3%}")
    return [f"{'prediction':90s} {'old':>24s} {'new':>24s} {'change':>12s}", *rows] if rows else []
