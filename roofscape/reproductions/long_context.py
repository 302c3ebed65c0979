"""Long contexts: prefill, decoding, concurrency and change of users of Yi-34B-200K on one A100, as a theoretical peak."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import System
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.estimate import estimate
from simulator.offload.swapping import contexts, swap_s
from simulator.result import Estimate
from workloads.catalog import find_model
from workloads.operator import Attention
from workloads.scenario import Decode, Prefill, Scenario

TITLE = "Fu, Challenges in Deploying Long-Context Transformers: A Theoretical Peak Performance Analysis, arXiv 2405.08944, 2024"

MODEL = "yi-34b-200k"
GIB = 2.0**30
LINK = 20e9  # host to GPU, effective: the paper's figure
OUTPUT = 250.0
SHORT, LONG, LONGEST = 4000.0, 50_000.0, 100_000.0
WHERE = "arXiv 2405.08944, sections 2 and 3"


def a100() -> System:
    """The paper's A100: 312 TFLOP/s, 80 GB, and 2 TB/s in round numbers."""
    return with_values(find_system("a100-sxm-80gb"), {"hbm.bandwidth": 2e12})


@cache
def asked(scenario: Scenario) -> Estimate:
    """The floor of a scenario."""
    return estimate(find_model(MODEL), a100(), scenario, fidelity="roofline")


def context_byte(tokens: float) -> float:
    """Keys and values of one context."""
    return number(asked(Decode(batch=1.0, context=tokens - 1.0)).memory.state_byte)


def _prefill_s(tokens: float, counted: float = 1.0) -> Callable[[Shared], Found]:
    """Time of the matrix units, with a share of attention's operations counted."""

    def ours(_: Shared) -> Found:
        costs = asked(Prefill(batch=1.0, prompt=tokens)).passes[0].costs
        matrix = [(c.operator, number(c.count) * number(c.parts.get("matrix", 0.0))) for c in costs]
        attention = sum(time_s for operator, time_s in matrix if isinstance(operator, Attention))
        rest = sum(time_s for operator, time_s in matrix if not isinstance(operator, Attention))
        return Found(rest + counted * attention, f"attention of every query with the keys before it takes {attention:.2f} s")

    return ours


def _decode_s(tokens: float) -> Callable[[Shared], float]:
    return lambda _: OUTPUT * number(asked(Decode(batch=1.0, context=tokens)).time_s)


def _context_gib(tokens: float) -> Callable[[Shared], float]:
    return lambda _: context_byte(tokens) / GIB


def _change_s(tokens: float) -> Callable[[Shared], float]:
    return lambda _: number(swap_s(context_byte(tokens), LINK))


def _concurrency(tokens: float) -> Callable[[Shared], float]:
    def ours(_: Shared) -> float:
        use = asked(Decode(batch=1.0, context=tokens - 1.0)).memory
        return number(contexts(use.capacity_byte, use.weight_byte, use.state_byte))

    return ours


CLAIMS = (
    Claim(
        "long-context", "prefill of 4K", 0.89, "s", WHERE, "Qn", within(0.05), "prediction", _prefill_s(SHORT),
        remark="matrix units alone, as the paper counts",
    ),
    Claim(
        "long-context", "prefill of 50K", 14.1, "s", WHERE, "Qn", within(0.05), "prediction", _prefill_s(LONG),
        remark="about half of the operations of causal attention would give the paper's figure; ours counts them all (2 L s^2 h)",
    ),
    Claim(
        "long-context", "prefill of 50K, attention at half of its causal operations", 14.1, "s", WHERE, "Qn", within(0.05), "fit", _prefill_s(LONG, 0.5),
        latents=("share of causal attention's operations that the paper counts, a half",), remark="inferred: the paper does not give its count",
    ),
    *(
        Claim("long-context", f"decoding 250 tokens after {words}", published, "s", WHERE, "Qn", within(0.05), "prediction", _decode_s(tokens))
        for words, tokens, published in (("4K", SHORT, 8.5), ("50K", LONG, 9.8))
    ),
    *(
        Claim(
            "long-context", f"keys and values of {words}", published, "GiB", WHERE, confidence, within(0.05), "prediction",
            _context_gib(tokens),
        )
        for words, tokens, published, confidence in (("4K", SHORT, 0.91, "M+"), ("50K", LONG, 11.4, "M+"), ("100K", LONGEST, 22.8, "M+"))
    ),
    Claim("long-context", "users at once at 50K", 1.0, "", WHERE, "Qn", within(0.0), "prediction", _concurrency(LONG)),
    Claim(
        "long-context", "users at once at 4K", 20.0, "", WHERE, "Qn", within(0.2), "prediction", _concurrency(SHORT),
        remark="published as 'about 20'; 80 GiB less the weights over a context's keys and values",
    ),
    *(
        Claim(
            "long-context", f"change of users at {words}", published, "s", WHERE, "M", within(tolerance), "prediction",
            _change_s(tokens), remark="one context out, one in, one after the other",
        )
        for words, tokens, published, tolerance in (("50K", LONG, 1.1, 0.15), ("4K", SHORT, 0.1, 0.15))
    ),
)  # fmt: skip
