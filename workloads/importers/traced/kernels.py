"""From a trace's steps to kernels: which steps run as one, what is free, and which kernel waits for which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workloads.importers.traced.grouping import Group, pointwise_groups, whole
from workloads.importers.traced.trace import Step, Trace
from workloads.importers.traced.web import Web, web_of

ABSORBING = ("contraction", "convolution", "attention", "norm", "softmax", "pointwise", "reduce", "gather")  # they read and write in any order
PADDING = ("convolution", "reduce")  # they take what lies beyond the edge for nothing


@dataclass(frozen=True, slots=True)
class Kernel:
    """Steps that run as one.

    Parameters
    ----------
    steps : tuple of Step
        One, or pointwise steps in order.
    reads, writes : tuple of str
        Tensors from and for others.
    after : tuple of str
        Kernels whose results it reads, the main one first.
    """

    steps: tuple[Step, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.steps[-1].name

    @property
    def kind(self) -> str:
        return self.steps[-1].kind


@dataclass
class _Plan:
    """The kernels of a trace in the making."""

    web: Web
    groups: Mapping[str, Group]
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def free(self, step: Step) -> bool:
        """Whether a step that only moves data costs nothing."""
        if step.kind == "view":
            return True
        if step.kind == "permute":
            return self._absorbed(step)
        if step.kind == "concat":
            return all(self._written_in_place(name, step) for name in step.inputs)
        if step.kind == "pad":
            uses = self.web.uses(step.output)
            return bool(uses) and all(use.kind in PADDING for use, _ in uses) and not self.web.leaves(step.output)
        return False

    def _absorbed(self, step: Step) -> bool:
        """Whether the kernel before an exchange of axes, or all behind it, can take it in."""
        maker = self.web.maker.get(self.web.behind_views(step.inputs[0]))
        if maker is not None and maker.kind in ABSORBING:
            return True
        uses = self.web.uses(step.output)
        return bool(uses) and all(use.kind in ABSORBING for use, _ in uses) and not self.web.leaves(step.output)

    def _written_in_place(self, name: str, concat: Step) -> bool:
        """Whether what makes a tensor can write it beside others at once: a kernel does, and it is wanted in one such place."""
        root = self.web.behind_views(name)
        maker = self.web.maker.get(root)
        if maker is None or self.web.distinct(name) != self.web.tensor(name).elements:
            return False
        places = [use for use, _ in self.web.uses(root) if use.kind == "concat"]
        kernel = maker.kind in ABSORBING or maker.kind == "move" or (maker.kind == "concat" and self.free(maker))
        return kernel and all(place is concat for place in places) and len(concat.inputs) == len(set(concat.inputs))

    def makers_of(self, name: str) -> tuple[str, ...]:
        """The kernels that make a tensor: several, where they write side by side."""
        if name not in self.sources:
            step = self.web.maker.get(name)
            if step is None:
                self.sources[name] = ()
            elif self.free(step):
                inputs = step.inputs if step.kind == "concat" else step.inputs[:1]
                self.sources[name] = tuple(dict.fromkeys(k for i in inputs for k in self.makers_of(i)))
            else:
                group = self.groups.get(step.name)
                self.sources[name] = (group.name if group else step.name,)
        return self.sources[name]


def kernels_of(trace: Trace) -> tuple[Kernel, ...]:
    """The kernels of a trace, each after those whose results it reads."""
    import networkx as nx

    web = web_of(trace)
    groups = pointwise_groups(web)
    while True:
        kernels = _kernels(_Plan(web, groups))
        graph = nx.DiGraph((a, k.name) for k in kernels for a in k.after)
        graph.add_nodes_from(k.name for k in kernels)
        loops = [names for names in nx.strongly_connected_components(graph) if len(names) > 1]
        if not loops:
            break
        groups = {name: Group([next(s for s in g.steps if s.name == name)], 0) if any(g.name in names for names in loops) else g for name, g in groups.items()}
    place = {k.name: i for i, k in enumerate(kernels)}
    by_name = {k.name: k for k in kernels}
    return tuple(by_name[n] for n in nx.lexicographical_topological_sort(graph, key=place.__getitem__))


def _kernels(plan: _Plan) -> list[Kernel]:
    web, kernels = plan.web, list[Kernel]()
    for step in web.trace.steps:
        group = plan.groups.get(step.name)
        if plan.free(step) or (group is not None and group.name != step.name):
            continue
        steps = tuple(group.steps) if group else (step,)
        reads = tuple(group.reads(web)) if group else step.inputs
        writes = tuple(group.writes(web)) if group else step.outputs
        reads = _main_first(web, steps, reads)
        after = tuple(dict.fromkeys(a for name in reads for a in plan.makers_of(name) if a != steps[-1].name))
        kernels.append(Kernel(steps, reads, writes, after))
    return kernels


def _main_first(web: Web, steps: tuple[Step, ...], reads: tuple[str, ...]) -> tuple[str, ...]:
    """What a pointwise kernel reads, with the result of a product that nobody else reads in front: it may run behind it."""
    if steps[-1].kind != "pointwise":
        return reads
    mains = [name for name in reads if epilogue_of(web, name, steps) is not None]
    return (mains[0], *(name for name in reads if name != mains[0])) if mains else reads


def epilogue_of(web: Web, name: str, steps: tuple[Step, ...]) -> Step | None:
    """The product behind which pointwise steps may run: it makes this tensor, as large as theirs, and nobody else reads it."""
    root = whole(web, name)
    product = web.maker.get(root)
    if product is None or product.kind not in ("contraction", "convolution") or len(product.outputs) > 1 or product.count != steps[-1].count:
        return None
    inside = {s.name for s in steps}
    if web.leaves(root) or any(use.name not in inside for use, _ in web.uses(root)):
        return None
    return product if web.tensor(root).elements == web.tensor(steps[-1].output).elements else None
