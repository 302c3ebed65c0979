"""Which models are shipped, and the file that a name in any spelling means."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from magnitudes.names import NameMiss, family, kin, normal

_ENDINGS = (  # they do not change the shape
    "-instruct", "-chat", "-hf", "-it", "-base", "-v0.1", "-v0.2", "-v0.3", "-v1", "-uncased", "-cased", "-224", "-pile", "-4k", "-17b-16e", "-17b-128e",
)  # fmt: skip
_OTHER_NAMES = {  # of the same shape, or as people call it
    "llama-3.1-8b": "llama-3-8b", "llama-3.1-70b": "llama-3-70b", "llama-3.3-70b": "llama-3-70b", "qwq-32b": "qwen2.5-32b",
    "deepseek-v3.1": "deepseek-v3", "deepseek-r1-distill-llama-8b": "llama-3-8b", "deepseek-r1-distill-llama-70b": "llama-3-70b",
    **{f"qwen2-{size}": f"qwen2.5-{size}" for size in ("0.5b", "1.5b", "7b", "72b")}, "minimax-m1": "minimax-text-01",
    "vit-b/16": "vit-base-patch16", "vit-b-16": "vit-base-patch16", "vit-l/16": "vit-large-patch16", "vit-l-16": "vit-large-patch16",
    "clip-vit-b/32": "clip-vit-base-patch32", "clip-vit-l/14": "clip-vit-large-patch14", "llava-1.5": "llava-1.5-7b", "llava": "llava-1.5-7b",
    "stable-diffusion-u-net": "stable-diffusion-v1-5-unet", "stable-diffusion-unet": "stable-diffusion-v1-5-unet",
    "neural-graphics-mlp": "instant-ngp-nerf", "hash-grid-encoding": "instant-ngp-nerf", "hash-grid": "instant-ngp-nerf",
}  # fmt: skip
_SIZE = re.compile(r"[0-9.]+[bm]|tiny|mini|small|base|medium|large|xl")
SHIPPED = Path(__file__).parent / "models"


def model_names() -> list[str]:
    """Names of all shipped models."""
    return list(_shipped())


@cache
def _shipped() -> tuple[str, ...]:
    return tuple(sorted(f.stem for f in SHIPPED.glob("*.json")))


def file_of(name: str) -> Path:
    """The file of a shipped model, by its name in any spelling; a ``config.json``, by its path or that of its folder.

    Raises
    ------
    NameMiss
        With the near matches.
    """
    path = Path(name)
    if path.suffix == ".json":
        return path
    if name and _is_file(path / "config.json"):
        return path / "config.json"
    return SHIPPED / f"{_shipped_name(name)}.json"


def _shipped_name(name: str) -> str:
    """The shipped model that a name means: in any spelling, or all of a family's name where it has one member and no sizes.

    Raises
    ------
    NameMiss
    """
    named, by_key = _named(), _by_key()
    for spelling in _spellings(name):
        if _key(spelling) in by_key:
            return by_key[_key(spelling)]
    members = list(dict.fromkeys(named[n] for n in family(name, named)))
    if len(members) == 1 and all(size in name.lower() for size in _SIZE.findall(members[0])):
        return members[0]
    hint = "(`roofscape workloads` lists all; the path of a Hugging Face config.json or of an ONNX file works too)"
    raise NameMiss("model", name, kin(name, named), hint)


@cache
def _named() -> dict[str, str]:
    """Every name that means a shipped model, and which."""
    return {n: n for n in _shipped()} | _OTHER_NAMES


@cache
def _by_key() -> dict[str, str]:
    return {_key(n): model for n, model in _named().items()}


def _key(name: str) -> str:
    """What two spellings of a name share."""
    return normal(name).replace(".", "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long to be one
        return False


def _spellings(name: str) -> list[str]:
    """A name as typed, then without its owner and article, then shorter by one ending after the other."""
    trimmed = name.lower().rpartition("/")[2].removeprefix("meta-").removeprefix("a ")
    spellings = [name, trimmed]
    while any(trimmed.endswith(e) for e in _ENDINGS):
        trimmed = trimmed[: -max(len(e) for e in _ENDINGS if trimmed.endswith(e))]
        spellings.append(trimmed)
    return spellings
