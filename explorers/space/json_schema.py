"""What a space's file may say, as JSON Schema: for editors that complete and check YAML, and for programs that write spaces.

It holds what can be said without knowing machines and models: keys, types, ways of naming values. The reader (`explorers.space.file`) also
knows which fields a machine has, which names a formula may read, and units; what it refuses is more than what this does.
"""

from __future__ import annotations

from typing import Any

from explorers.evaluators import EVALUATORS, evaluator_class
from explorers.space.file import MOST_VALUES
from explorers.space.goal import DIRECTIONS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Tree = dict[str, Any]

NUMBER: Tree = {"type": ["number", "string"], "description": "a number, or one with its unit, such as 1.5 TB/s"}
FORMULA: Tree = {"type": ["string", "number"], "description": "a formula over axes, figures and names of 'let'"}
CONDITIONS: Tree = {
    "of": {"type": "string", "description": "the field that it sets, where the axis has another name"},
    "when": {"type": "string", "description": "a formula over axes named before: the axis counts only where it holds"},
    "otherwise": {**NUMBER, "description": "the value where it does not count; the first, if not said"},
}


def space_schema() -> Tree:
    """The schema of a space's file, the keys of every evaluator included.

    Returns
    -------
    dict
        JSON Schema, draft 2020-12.
    """
    evaluators = {kind: evaluator_class(kind).schema() for kind in EVALUATORS}
    own = {key: what for properties, _ in evaluators.values() for key, what in properties.items()}
    return {
        "$schema": DRAFT,
        "title": "A design space of roofscape",
        "type": "object",
        "required": ["axes", "objectives"],
        "additionalProperties": False,
        "properties": {**_common(), **own},
        "allOf": [_keys_of(kind, evaluators) for kind in evaluators],
        "$defs": {"axis": _axis()},
    }


def _common() -> Tree:
    direction = f"^({'|'.join(DIRECTIONS)})\\s+\\S"
    formulas = {"type": "object", "additionalProperties": FORMULA}
    return {
        "space": {"type": "string", "description": "its name"},
        "about": {"type": "string", "description": "one line"},
        "evaluator": {"enum": list(EVALUATORS), "description": "what turns designs into figures"},
        "axes": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/axis"}, "description": "parameters and their values"},
        "tied": {**formulas, "description": "fields that follow from axes, by path"},
        "let": {**formulas, "description": "figures that formulas and tables use by name"},
        "constraints": {"type": "array", "items": {"type": "string"}, "description": "what must hold, such as peak_w <= 700, or fits"},
        "objectives": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": direction}, "description": "what is wanted"},
        "report": {"type": "array", "items": {"type": "string"}, "description": "further figures in tables"},
        "reference": {"type": "object", "additionalProperties": {"type": "number"}, "description": "where hypervolume is measured from, by objective"},
    }


def _axis() -> Tree:
    """A list of values, or a mapping with one way of naming them."""
    count = {"type": "integer", "minimum": 2, "maximum": MOST_VALUES}
    ways: dict[str, Tree] = {
        "grid": {"type": "array", "minItems": 1, "uniqueItems": True, "items": NUMBER},
        "choice": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        "range": {"type": "array", "minItems": 3, "maxItems": 3, "items": NUMBER, "description": "[low, high, step]"},
        "log": {"type": "array", "minItems": 3, "maxItems": 3, "prefixItems": [NUMBER, NUMBER, count], "description": "[low, high, count]"},
    }
    whole = {"log": {"whole": {"type": "boolean", "description": "values are rounded to whole numbers"}}}
    mappings = [
        {"type": "object", "required": [way], "additionalProperties": False, "properties": {way: values, **CONDITIONS, **whole.get(way, {})}}
        for way, values in ways.items()
    ]
    return {"oneOf": [ways["grid"], *mappings]}


def _keys_of(kind: str, evaluators: dict[str, tuple[Tree, list[str]]]) -> Tree:
    """What a file must say for one kind of evaluator, and the keys of others that it must not."""
    properties, required = evaluators[kind]
    foreign = {key: False for other, (keys, _) in evaluators.items() if other != kind for key in keys if key not in properties}
    named = {"properties": {"evaluator": {"const": kind}}}
    if kind != next(iter(EVALUATORS)):  # the first is meant where a file names none
        named["required"] = ["evaluator"]  # type: ignore[assignment]
    return {"if": named, "then": {"required": required, "properties": foreign}}
