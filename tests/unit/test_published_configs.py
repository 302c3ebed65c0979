"""Configurations as Hugging Face publishes them, most of models that are not shipped: as many weights as were published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workloads.importers.huggingface import ARCHITECTURES, model_of
from workloads.model import Model, ModelError
from workloads.sharding import Parallelism, Precision

PUBLISHED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "published_configs.json").read_text())


def model(name: str, **changes: Any) -> Model:
    config = {k: v for k, v in ({**PUBLISHED[name]["config"], **changes}).items() if v != "left out"}
    return model_of(config, name, f"{name}/config.json")


def test_weights_are_as_published(capsys: pytest.CaptureFixture[str]) -> None:
    """The table: every one is exact."""
    rows = [(name, model(name).parameters, entry["parameters"]) for name, entry in PUBLISHED.items()]
    with capsys.disabled():
        print(f"\n{'config.json of':24s} {'ours':>16s} {'published':>16s}      off")
        for name, ours, published in rows:
            print(f"{name:24s} {ours:16,.0f} {published:16,d} {ours / published - 1:+8.3%}")
    assert len(rows) >= 30
    assert len({PUBLISHED[name]["config"]["model_type"] for name, *_ in rows}) >= 20
    assert [name for name, ours, published in rows if ours != published] == []


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_weights_that_a_chip_holds_are_all_of_them(name: str) -> None:
    from roofscape.defaults import default_scenario

    published = model(name)
    load = published.workload(default_scenario(published).passes()[0], Parallelism(), Precision())
    assert load.weight_byte == pytest.approx(2.0 * published.parameters, rel=1e-9)


def test_all_fields_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(ModelError, match=r"Llama-3\.1-8B/config\.json: 3 fields that llama needs are missing: ") as refusal:
        model("Llama-3.1-8B", hidden_size="left out", num_hidden_layers="left out", vocab_size="left out")
    assert all(field in str(refusal.value) for field in ("hidden_size", "num_hidden_layers", "vocab_size"))
    with pytest.raises(ModelError, match="the field vocab_size is missing; add it"):
        model("Llama-3.1-8B", vocab_size="left out")


@pytest.mark.parametrize("name", sorted(n for n in PUBLISHED if "text_config" not in PUBLISHED[n]["config"]))
def test_an_empty_configuration_is_told_what_it_needs(name: str) -> None:
    """Never another error, and where a family needs several fields, more than one of them."""
    kind = PUBLISHED[name]["config"]["model_type"]
    with pytest.raises(ModelError, match=kind if kind not in ("resnet", "convnext") else "it should be a list|it lists"):
        model_of({"model_type": kind}, name, "config.json")


def test_parts_tell_what_they_miss_too() -> None:
    parts = {k: {"hidden_size": 512} for k in ("text_config", "vision_config")}
    with pytest.raises(ModelError, match=r"fields that clip needs are missing: .*vocab_size"):
        model("clip-vit-base-patch16", **parts)


def test_an_unknown_architecture_says_how_to_add_one() -> None:
    with pytest.raises(ModelError, match=r"architecture 'mambo' is not known; did you mean mamba.*known: llama.*add a reader to workloads/importers"):
        model("mamba-1.4b", model_type="mambo")
    assert len(ARCHITECTURES) >= 40
