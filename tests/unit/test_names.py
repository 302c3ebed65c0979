"""Names: spellings that mean the same, and what is said when none fits."""

from __future__ import annotations

import pytest

from magnitudes.errors import InputError
from magnitudes.names import NameMiss, family, kin, nearest, normal


@pytest.mark.parametrize("typed", ["A100-SXM-80GB", "a100_sxm_80gb", "A100 SXM (80GB)", "a100sxm80gb"])
def test_case_punctuation_and_spaces_do_not_count(typed: str) -> None:
    assert normal(typed) == "a100sxm80gb"


def test_a_point_counts() -> None:
    assert normal("llama-3.1") != normal("llama-31")


def test_the_nearest_comes_first() -> None:
    known = ["h100-sxm", "h100-pcie", "mi300x"]
    assert nearest("h100-smx", known)[0] == "h100-sxm"
    assert nearest("H100_PCIE", known)[0] == "h100-pcie"
    assert nearest("zzz", known) == []
    assert len(nearest("a", [f"a{i}" for i in range(9)], count=2)) <= 2


def test_a_family_is_named_word_by_word() -> None:
    known = ["gemma-2b", "gemma-7b", "gemma-2-9b", "gemma-2-27b", "gemma-3-1b", "mobilenet-v1", "mobilenet-v4-conv", "deepseek-r1", "llama-7b", "llama-2-7b"]
    assert family("Gemma 2", known) == ["gemma-2-9b", "gemma-2-27b"]
    assert family("gemma 1", known) == ["gemma-2b", "gemma-7b"]
    assert family("MobileNet V4", known) == ["mobilenet-v4-conv"]
    assert family("Llama 1 7B", known) == ["llama-7b"]
    assert family("R1", known) == ["deepseek-r1"]
    assert family("a DeepSeek", known) == ["deepseek-r1"]
    assert family("-", known) == family("zebra", known) == []
    assert kin("gemma 2", known, count=1) == ["gemma-2-9b"]
    assert kin("lama-7b", known)[0] == "llama-7b"


def test_a_miss_says_kind_name_near_and_remedy() -> None:
    miss = NameMiss("machine", "h100-smx", ["h100-sxm", "h100-pcie"], "(`specs` lists all)")
    assert str(miss) == "unknown machine 'h100-smx'; did you mean h100-sxm or h100-pcie? (`specs` lists all)"
    assert str(NameMiss("machine", "x", [])) == "unknown machine 'x'"
    assert isinstance(miss, InputError)
