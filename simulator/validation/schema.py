"""The tidy schema in words, made from the tables that the reader uses: what `roofscape validate --schema` prints and `docs/validation.md` holds."""

from __future__ import annotations

from simulator.validation.dimensions import DEFAULTS, MAY_BE_ZERO, MEANINGS
from simulator.validation.formats import NAMED
from simulator.validation.names import ALIASES
from simulator.validation.operations import OPERATIONS
from simulator.validation.structures import STRUCTURES

COLUMNS = (
    ("device", "yes", "a machine, by any name that the catalogue knows (`roofscape specs` lists them)"),
    ("op", "yes", "an operator, by its name below or another that it goes by"),
    ("dtype", "yes", "its data type: any name of the catalogue of data types, or one of " + ", ".join(f"`{n}`" for n in NAMED)),
    ("measured_us", "yes", "time of one call [us]; or `measured_ns`, `measured_ms`, `measured_s`"),
    ("dimensions", "yes", "a column for each dimension of the operator, below"),
    ("source", "no", "who measured; the file's name if absent"),
    ("timing", "no", "`kernel` (a profiler's time), `graph` (replayed from a graph) or `eager` (one call of a framework between events); `graph` if absent"),
    ("kernel", "no", "the implementation that the user chose by name (attention, experts, collectives); never one that a library picked"),
    (
        "library",
        "no",
        "what ran the kernel: `numpy` or `torch` on a processor; `cublaslt` or `hipblaslt` for a product alone on a GPU; a serving framework's if absent",
    ),
    ("host_us", "no", "eager rows: time of the cheapest eager operator on that host [us]; read off the tiniest kernels if absent"),
)


def schema() -> str:
    """Columns, operators with their dimensions, and what the dimensions mean, as Markdown."""
    columns = [f"| `{name}` | {needed} | {meaning} |" for name, needed, meaning in COLUMNS]
    operators = [_operator(name) for name in OPERATIONS]
    dimensions = [f"| `{name}` | {meaning} | {_default(name)} |" for name, meaning in MEANINGS.items() if name != "host_us"]
    texts = [f"| `{name}` | {structure.meaning.replace('``', '`')} |" for name, structure in STRUCTURES.items()]
    texts.append("| `causal` | whether a token attends to those before it only (default: yes) |")
    parts = (
        ("| column | needed | meaning |\n|---|---|---|", columns),
        ("| op | class | needs | may have | also called |\n|---|---|---|---|---|", operators),
        ("| dimension | meaning | if absent |\n|---|---|---|", dimensions),
        ("| column of text | meaning |\n|---|---|", texts),
    )
    return "\n\n".join("\n".join([head, *rows]) for head, rows in parts)


def _operator(name: str) -> str:
    operation = OPERATIONS[name]
    optional = [*operation.optional, *(s for s in operation.structure if s in STRUCTURES), *(["causal"] if "bidirectional" in operation.structure else [])]
    return f"| `{name}` | {operation.family} | {_listed(operation.dimensions)} | {_listed(optional)} | {_listed(ALIASES.get(name, '').split())} |"


def _listed(names: object) -> str:
    assert isinstance(names, list | tuple)
    return ", ".join(f"`{n}`" for n in names)


def _default(name: str) -> str:
    """What a dimension is where a row does not say it."""
    default = DEFAULTS.get(name)
    words = "" if default is None else f"as `{default}`" if isinstance(default, str) else f"{default:g}"
    return f"{words} (may be 0)" if name in MAY_BE_ZERO else words
