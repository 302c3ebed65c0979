"""Call by call through an exported program: what depends on constants alone folded, masks and positions computed, steps made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workloads.importers.torch_export.rules import IGNORED, RULES
from workloads.importers.torch_export.site import Site, tensors_in
from workloads.importers.traced.model import Sizes
from workloads.importers.traced.trace import FLOATS, Step, Tensor, Trace
from workloads.model import ModelError

LARGEST = 1 << 22  # elements of a value that is computed
SMALL = 1 << 12  # elements of a buffer of floats that is read
ELEMENTS = {
    "float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64", "float8_e4m3fn": "fp8", "float8_e5m2": "fp8", "int64": "int64",
    "int32": "int32", "int16": "int16", "int8": "int8", "uint8": "int8", "bool": "bool", "complex64": "complex64", "complex128": "complex128",
}  # fmt: skip
RANDOM = ("rand", "randn", "rand_like", "randn_like", "bernoulli")
SHAPES_ONLY = ("new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like")  # they look at no values
EVALUATION_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AttributeError)


@dataclass
class Walk:
    """A program on its way to a trace."""

    program: Any
    tensors: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)  # torch tensors that are known
    steps: list[Step] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)  # elements of all stored parameters
    inputs: list[str] = field(default_factory=list)
    assumed: dict[str, None] = field(default_factory=dict)
    nodes: int = 0
    taken: set[str] = field(default_factory=set)

    def run(self, graph: Any, given: Mapping[str, Any], modules: Any) -> Any:
        """A graph with its placeholders given: what it returns, with tensors in place of nodes."""
        known: dict[Any, Any] = {}
        for node in graph.nodes:
            if node.op == "placeholder":
                known[node] = given.get(node.name)
            elif node.op == "get_attr":
                known[node] = self._attribute(modules, str(node.target))
            elif node.op == "output":
                return _resolved(node.args[0], known)
            else:
                known[node] = self._call(node, _resolved(node.args, known), _resolved(node.kwargs, known))
        raise ModelError("a graph of the exported program returns nothing; export it again")

    def _attribute(self, modules: Any, name: str) -> Any:
        """A graph inside, or a tensor that was lifted."""
        import torch

        found: Any = modules
        for part in name.split("."):
            found = getattr(found, part)
        return self.constant(name, found, {}) if isinstance(found, torch.Tensor) else found

    def constant(self, name: str, tensor: Any, origins: Mapping[str, str]) -> Tensor:
        """A stored tensor; its values where masks and positions may depend on them."""
        element = element_of(tensor.dtype)
        made = Tensor(name, _shape(tensor), element, constant=True, origins=frozenset(origins), value=None)
        small = made.elements <= (SMALL if element in FLOATS else LARGEST)
        if small and tensor.device.type != "meta" and not _is_fake(tensor):
            self.values[name] = tensor.detach()
            made = _valued(made, tensor)
        self.tensors[name] = made
        return made

    def _call(self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call: folded, or turned into steps."""
        operator = operator_of(node.target)
        if operator == "getitem":
            return args[0][args[1]]
        if operator in ("wrap_with_set_grad_enabled", "wrap_with_autocast"):
            return self._wrapped(operator, args)
        if operator == "cond":
            return self._branch(node, args)
        if operator in IGNORED:
            return None
        outputs, shaped = self._outputs(node)
        if not outputs:
            return shaped
        read = tensors_in([*args, *kwargs.values()])
        constant = (all(t.constant for t in read) and operator not in RANDOM) or operator in SHAPES_ONLY
        value = self._computed(node, args, kwargs, read)
        origins = frozenset(o for t in read for o in t.origins) if constant else frozenset[str]()
        outputs = [self._publish(t, constant, origins, value, place) for place, t in enumerate(outputs)]
        if not constant:
            self._make(Site(self._unique(node.name), operator, args, kwargs, outputs))
        return outputs[0] if not isinstance(shaped, list) else outputs

    def _make(self, site: Site) -> None:
        rule = RULES.get(site.operator)
        steps = rule(site) if rule is not None else [site.step("unknown")]
        self.tensors.update({t.name: t for t in site.made})
        self.steps += steps
        self.nodes += 1
        for tensor in site.tensors:
            if tensor.constant and tensor.name not in site.statistics:
                self.parameters |= {o: self.weights[o] for o in tensor.origins if o in self.weights}

    def _publish(self, tensor: Tensor, constant: bool, origins: frozenset[str], value: Any, place: int) -> Tensor:
        made = Tensor(tensor.name, tensor.shape, tensor.element, constant, origins)
        own = value[place] if isinstance(value, tuple | list) else value
        if own is not None:
            self.values[made.name] = own
            made = _valued(made, own)
        self.tensors[made.name] = made
        return made

    def _outputs(self, node: Any) -> tuple[list[Tensor], Any]:
        """The outputs of a call: tensors, and whether they come as a list; a number instead, where it returns one."""
        import torch

        value = node.meta.get("val")
        if isinstance(value, torch.Tensor):
            return [Tensor(self._fresh(node.name), _shape(value), element_of(value.dtype))], None
        if isinstance(value, tuple | list):
            parts = [
                Tensor(self._fresh(f"{node.name}.{i}"), _shape(v), element_of(v.dtype)) for i, v in enumerate(value) if isinstance(v, torch.Tensor)
            ]  # fmt: skip
            return parts, []
        return [], None if value is None else _number(value)

    def _fresh(self, name: str) -> str:
        while name in self.tensors:
            name += "_"
        return name

    def _unique(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _computed(self, node: Any, args: Any, kwargs: Any, read: list[Tensor]) -> Any:
        """The value of a call, where all tensors it reads are known and none is large."""
        import torch

        if any(t.name not in self.values for t in read) or sum(t.elements for t in read) > LARGEST:
            return None
        if sum(t.elements for t in self._outputs(node)[0]) > LARGEST or "rand" in str(node.target):
            return None
        real_args, real_kwargs = (_real(a, self.values) for a in (args, kwargs))
        if "device" in real_kwargs:
            real_kwargs["device"] = torch.device("cpu")
        try:
            with torch.no_grad():
                return node.target(*real_args, **real_kwargs)
        except EVALUATION_ERRORS:  # then nothing is known but the shape
            return None

    def _wrapped(self, operator: str, args: tuple[Any, ...]) -> Any:
        """A graph that runs under other settings."""
        place = next(i for i, a in enumerate(args) if hasattr(a, "graph"))
        return self._inner(args[place], args[place + 1 :])

    def _branch(self, node: Any, args: tuple[Any, ...]) -> Any:
        """The branch that a known condition takes; the longer, where it is not known."""
        condition, taken, other, operands = args
        value = self.values.get(condition.name) if isinstance(condition, Tensor) else condition
        if value is None:
            self.assumed[f"the condition of {node.name} depends on values; its longer branch is taken"] = None
            taken = max((taken, other), key=lambda m: len(m.graph.nodes))
        else:
            taken = taken if bool(value) else other
        return self._inner(taken, tuple(operands))

    def _inner(self, module: Any, operands: tuple[Any, ...]) -> Any:
        names = [n.name for n in module.graph.nodes if n.op == "placeholder"]
        return self.run(module.graph, dict(zip(names, operands, strict=False)), module)


def operator_of(target: Any) -> str:
    """An operator's name without namespace and overload; in-place ones go by the name of their pure twins."""
    name = str(getattr(target, "_opname", "") or getattr(target, "__name__", target))
    name = name.removeprefix("aten::").split(".")[0]
    return name if name.startswith("__") else name.removesuffix("_")


def _resolved(thing: Any, known: Mapping[Any, Any]) -> Any:
    """Arguments with what nodes made in place of the nodes."""
    from torch import fx

    return fx.node.map_arg(thing, lambda node: known[node]) if not isinstance(thing, tuple | list | dict) else _nested(thing, known)


def _nested(thing: Any, known: Mapping[Any, Any]) -> Any:
    from torch import fx

    if isinstance(thing, fx.Node):
        return known[thing]
    if isinstance(thing, tuple):
        return tuple(_nested(t, known) for t in thing)
    if isinstance(thing, list):
        return [_nested(t, known) for t in thing]
    if isinstance(thing, dict):
        return {k: _nested(v, known) for k, v in thing.items()}
    return thing


def _real(thing: Any, values: Mapping[str, Any]) -> Any:
    """Arguments with values in place of tensors."""
    if isinstance(thing, Tensor):
        return values[thing.name]
    if isinstance(thing, tuple | list):
        return type(thing)(_real(t, values) for t in thing)
    if isinstance(thing, dict):
        return {k: _real(v, values) for k, v in thing.items()}
    return thing


def element_of(dtype: Any) -> str:
    """Our name of an element type.

    Raises
    ------
    ModelError
    """
    name = str(dtype).removeprefix("torch.")
    if name not in ELEMENTS:
        raise ModelError(f"a tensor has elements of type {name}; known are {', '.join(ELEMENTS)}")
    return ELEMENTS[name]


def _number(value: Any) -> Any:
    """A number; of a symbolic one, what it was in the example."""
    hint = getattr(getattr(value, "node", None), "hint", None)
    return value if hint is None else hint


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(_number(s)) for s in tensor.shape)


def _is_fake(tensor: Any) -> bool:
    return type(tensor).__name__ == "FakeTensor"


def _valued(tensor: Tensor, value: Any) -> Tensor:
    """A tensor with its elements, as numpy has them."""
    from dataclasses import replace

    import torch

    if not isinstance(value, torch.Tensor) or value.device.type == "meta":
        return tensor
    value = value.detach()
    wide = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    return replace(tensor, value=wide.numpy() if not value.is_complex() else None)


def traced(program: Any) -> Trace:
    """The trace of an exported program.

    Raises
    ------
    ModelError
    """
    walk = Walk(program)
    signature, state = program.graph_signature, program.state_dict
    first: dict[tuple[int, int], str] = {}  # the first name of tensors that several share
    given: dict[str, Any] = {}
    stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **getattr(signature, "inputs_to_lifted_tensor_constants", {})}
    for node in program.graph.nodes:
        if node.op != "placeholder":
            continue
        if node.name in stored:
            given[node.name] = _given_constant(walk, node, stored[node.name], signature, {**program.constants, **state}, first)
        else:
            given[node.name] = _given_input(walk, node)
    results = tensors_in([walk.run(program.graph, given, program.graph_module)])
    outputs = tuple(dict.fromkeys(t.name for t in results if not t.constant))
    if not walk.steps or not outputs:
        raise ModelError("the exported program computes nothing of its inputs; export a module whose output depends on them")
    return Trace(walk.tensors, tuple(walk.steps), tuple(walk.inputs), outputs, walk.parameters, max(walk.nodes, 1), tuple(walk.assumed))


def _given_constant(walk: Walk, node: Any, name: str, signature: Any, kept: Mapping[str, Any], first: dict[tuple[int, int], str]) -> Tensor:
    """A parameter or a buffer; parameters that share their memory count once."""
    tensor = kept[name] if name in kept else node.meta["val"]
    if node.name not in signature.inputs_to_parameters:
        return walk.constant(node.name, tensor, {})
    origin = first.setdefault((tensor.untyped_storage()._cdata, tensor.numel()), name)
    walk.weights[origin] = float(tensor.numel())
    return walk.constant(node.name, tensor, {origin: origin})


def _given_input(walk: Walk, node: Any) -> Any:
    """An input: a tensor, or what else the module was called with."""
    import torch

    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        return value
    element, shape = element_of(value.dtype), _shape(value)
    walk.inputs.append(node.name)
    walk.tensors[node.name] = Tensor(node.name, shape, element, value=None)
    if element in ("int64", "int32", "bool") and np.prod(shape) <= LARGEST:  # masks of ones, positions from 0
        dtype = getattr(torch, element)
        ones = torch.arange(shape[-1], dtype=dtype).expand(shape) if "position" in node.name and shape else torch.ones(shape, dtype=dtype)
        walk.values[node.name] = ones
        walk.tensors[node.name] = _valued(walk.tensors[node.name], ones)
    return walk.tensors[node.name]


def input_sizes(program: Any) -> Sizes:
    """The number of samples that the example has, and whether they are images."""
    import torch

    values = [n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder" and n.name in program.graph_signature.user_inputs]
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    batch = float(_number(tensors[0].shape[0])) if tensors and tensors[0].dim() else 1.0
    images = any(t.dim() == 4 and t.is_floating_point() for t in tensors)
    return Sizes(fixed_batch=batch, images=images)


def native_format(program: Any) -> str:
    """The format of most parameters; of the first input of floats, where there are none."""
    sizes: Counter[str] = Counter()
    for tensor in program.state_dict.values():
        sizes[ELEMENTS.get(str(tensor.dtype).removeprefix("torch."), "")] += tensor.numel()
    floats = Counter({k: n for k, n in sizes.items() if k in FLOATS})
    return floats.most_common(1)[0][0] if floats else "fp32"
