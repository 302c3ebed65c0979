"""A model while it is trained: its own operators forward, their gradients backward, what replicas exchange, and the update.

A micro-batch passes all layers forward and backward; layers that are computed again stand between. Replicas exchange gradients once a step, behind
the last micro-batch; from ZeRO's second stage on with every micro-batch, and in the third weights are gathered for each pass as well
(Rajbhandari et al., ZeRO, SC 2020, section 5); `simulator.training.exchange` says what of it hides. The optimizer then reads and writes all of its states.

Memory is that of the first stage of a pipeline in which one forward and one backward pass take turns, which holds as many micro-batches as there
are stages, or of the last, which holds the scores (Narayanan et al., SC 2021, section 2.2; Korthikanti et al., MLSys 2023, sections 4 and 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hardware_specs.schema import System
from magnitudes.arrays import Real, maximum, minimum, total, where
from magnitudes.datatypes import data_type
from simulator.machine import MachineError
from simulator.training.states import States, held_states
from workloads.adapters import Adapted
from workloads.backward import backward
from workloads.composition import Planned
from workloads.graph import Node, Workload
from workloads.kept import kept_byte
from workloads.model import DivisionRule, GraphModel, Model, ModelError
from workloads.operator import Calls, Collective, Contraction, Elementwise, Operator, Softmax
from workloads.passes import Pass
from workloads.scenario import Scenario, Train
from workloads.sharding import Parallelism, Precision
from workloads.wrapped import Wrapped

FP32 = data_type("fp32")
EXECUTIONS = ("kernel", "spatial", "host")
NOT_TRAINED = ("logits_all_gather",)  # the loss is taken where the scores are, a part of the vocabulary a chip
OUTSIDE = ("embedding", "embedding_all_reduce", "norm_first", "head", "loss", "stage_send")  # of the layers: never computed again
AGAIN = "_again"  # ends the names of operators that are computed a second time
ADAM_FLOP = 12.0  # of a weight: two averages, a root, a quotient, decay and the step (Kingma and Ba 2015, algorithm 1)
NOTES = (
    "training: replicas exchange behind the passes unless told otherwise (--hidden-exchange), and norms are not shared by tensor parallelism",
    "training: activations are those of fused kernels without dropout; attention counts pairs up to the diagonal",
)


@dataclass(frozen=True, slots=True)
class Trained(Wrapped):
    """A model in training.

    Parameters
    ----------
    how : Train
    """

    how: Train

    @property
    def phases(self) -> tuple[str, ...]:
        return (Train.phase,)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of it, and of the model."""
        return (*getattr(self.model, "notes", ()), *NOTES)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Those of the model, and that micro-batches make up the batch."""
        sequences = DivisionRule("sequences of a step", self.how.batch, cut.dp * self.how.micro_batch, "--dp times --micro-batch")
        return (*self.model.cut_rules(cut), sequences)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one micro-batch through all layers and back, or of the update of one chip's weights."""
        forward = self._forward(cut, formats)
        copied, spread = self._parameters(forward, cut, formats)
        states = self._states(copied, spread, cut, formats)
        if run.phase == "update":
            nodes = [*self._exchanged_once(copied, cut, formats), *self._updated(copied, spread, cut, formats)]
        else:
            there = [(n.operator, n.count) for n in forward.nodes if n.operator.name not in NOT_TRAINED] + list(_loss(forward))
            again = [(replace(o, name=o.name + AGAIN), count * self.how.recompute) for o, count in there if o.name not in OUTSIDE]
            computed = [] if isinstance(self.how.recompute, float) and self.how.recompute == 0.0 else again
            nodes = [*there, *computed, *backward(there), *self._exchanged_each_time(copied, cut, formats)]
        chain = tuple(Node(o, count, (nodes[i - 1][0].name,) if i else ()) for i, (o, count) in enumerate(nodes))
        return Workload(
            chain, weight_byte=states.weight_byte, activation_byte=self._activation_byte(forward, cut, formats), tokens=self.how.batch * self.how.sequence,
            gradient_byte=states.gradient_byte, optimizer_byte=states.optimizer_byte,
        )  # fmt: skip

    def _forward(self, cut: Parallelism, formats: Precision) -> Workload:
        return self.model.workload(Pass("prefill", self.how.passes()[0].groups), cut, formats)

    def _parameters(self, forward: Workload, cut: Parallelism, formats: Precision) -> tuple[Real, Real]:
        """Weights of one chip: those of which each replica has a copy, and those that are spread over replicas as experts are."""
        held = forward.weight_byte / formats.weight.byte
        if isinstance(cut.dp, float) and cut.dp == 1.0:
            return held, 0.0
        alone = self._forward(replace(cut, dp=1.0, ep=1.0, microbatches=1.0), formats).weight_byte / formats.weight.byte
        spread = maximum(alone - held, 0.0) / maximum(cut.dp - 1.0, 1.0)
        return maximum(held - spread, 0.0), spread

    def _states(self, copied: Real, spread: Real, cut: Parallelism, formats: Precision) -> States:
        each = States(formats.weight.byte, self.how.gradient_byte, self.how.optimizer_byte)
        own, others = held_states(copied, cut.dp, self.how.zero, each), held_states(spread, 1.0, 0.0, each)
        return States(
            own.weight_byte + others.weight_byte, own.gradient_byte + others.gradient_byte, own.optimizer_byte + others.optimizer_byte,
        )  # fmt: skip

    def _activation_byte(self, forward: Workload, cut: Parallelism, formats: Precision) -> Real:
        """What is kept for the backward pass on the fullest chip."""
        how, (layers, width) = self.how, _shape(self.model) or (1.0, 0.0)
        parted = self._forward(replace(cut, tp=1.0), formats)  # where chips of one group share what they would keep alike, each has its part of all
        shared = how.sequence_parallel > 0.0
        of_layers = where(
            shared, _kept(n for n in parted.nodes if not _is_end(n.operator)) / cut.tp, _kept(n for n in forward.nodes if not _is_end(n.operator))
        )
        inputs = layers * how.micro_batch * how.sequence * width * formats.stream.byte * where(shared, 1.0 / cut.tp, 1.0)
        stage = (of_layers * (1.0 - how.recompute) + minimum(inputs, of_layers) * how.recompute) / cut.pp
        flying = minimum(cut.pp, cut.parts) * where(how.interleave > 1.0, 1.0 + (cut.pp - 1.0) / (cut.pp * how.interleave), 1.0)
        scores = _kept((*_ends(forward), *(Node(o, count) for o, count in _loss(forward))))
        one_layer = of_layers / layers * minimum(how.recompute * layers, 1.0)  # what is computed again is alive while its gradients are
        return maximum(stage * flying, stage + scores) + one_layer

    def _exchanged_once(self, copied: Real, cut: Parallelism, formats: Precision) -> Calls:
        """Behind the last micro-batch: whole gradients are summed over replicas; parted states mean sums for their owners, and weights from them."""
        zero, gradients, weights = self.how.zero, copied * self.how.gradient_byte, copied * formats.weight.byte
        return (
            *_exchange("gradients_all_reduce", "all_reduce", gradients, cut, zero <= 0.0),
            *_exchange("gradients_reduce_scatter", "reduce_scatter", gradients, cut, (zero > 0.0) & (zero < 2.0)),
            *_exchange("weights_all_gather", "all_gather", weights, cut, (zero > 0.0) & (zero < 3.0)),
        )

    def _exchanged_each_time(self, copied: Real, cut: Parallelism, formats: Precision) -> Calls:
        """With every micro-batch on each stage: parted gradients are summed, parted weights gathered forward and backward."""
        zero, gradients, weights = self.how.zero, copied * self.how.gradient_byte, copied * formats.weight.byte
        calls = (
            *_exchange("gradients_reduce_scatter", "reduce_scatter", gradients, cut, zero >= 2.0),
            *_exchange("weights_all_gather", "all_gather", weights, cut, zero >= 3.0, calls=2.0),
        )
        return tuple((o, count * cut.pp) for o, count in calls)

    def _updated(self, copied: Real, spread: Real, cut: Parallelism, formats: Precision) -> Calls:
        """All states of a weight are read and written, its gradient read, the weight written; by the owner of its states."""
        own = copied * where(self.how.zero >= 1.0, 1.0 / cut.dp, 1.0) + spread
        moved_byte = 2.0 * self.how.optimizer_byte + self.how.gradient_byte + formats.weight.byte
        optimizer = Elementwise(name="optimizer", elements=own, reads=moved_byte / FP32.byte - 1.0, flop_per_element=ADAM_FLOP, element=FP32, output=FP32)
        return ((optimizer, 1.0),)


def prepared(model: Model, system: System, scenario: Scenario, cut: Parallelism, *, behind: bool) -> tuple[Model, Parallelism]:
    """A model and a cut as a scenario needs them: those of training, where it trains; as they are otherwise.

    Parameters
    ----------
    behind : bool
        Whether something may lie behind main memory.

    Raises
    ------
    ModelError, MachineError
        If the training of the model, or on the machine, is not described here.
    """
    if not isinstance(scenario, Train):
        return model, cut
    if behind:
        raise ModelError("a step of training keeps all in main memory here: leave out --spill and --offload; `roofscape reproduce zero-offload` tells of hosts")
    if isinstance(model, Adapted):
        raise ModelError("adapters are not trained here, only whole models: leave out --lora")
    if "prefill" not in model.phases or isinstance(model, Planned | GraphModel) or _shape(model) is None:
        raise ModelError(f"{model.name} has no training here: only single stacks of layers over tokens have, by name or config.json; ask for another phase")
    if system.chip.engine.execution not in EXECUTIONS:
        raise MachineError(f"{system.chip.name} runs {system.chip.engine.execution}; training is described for chips that run {', '.join(EXECUTIONS)}")
    parts = scenario.batch / (cut.dp * scenario.micro_batch)
    return Trained(model, scenario), replace(cut, microbatches=parts, interleave=scenario.interleave)


def _shape(model: Model) -> tuple[float, float] | None:
    """Layers and width of a model, which say what is kept where layers are computed again; nothing, where it is more than one stack."""
    depths = [d for d in (getattr(model, name, None) for name in ("layers", "depth")) if isinstance(d, float | int)]
    width = getattr(model, "hidden", None)
    return (float(depths[0]), float(width)) if depths and isinstance(width, float | int) else None


def _kept(nodes: Iterable[Node]) -> Real:
    return total(n.count * kept_byte(n.operator) for n in nodes)


def _loss(forward: Workload) -> Calls:
    """What follows the output head, where there is one: the scores' softmax in fp32."""
    return tuple((Softmax(name="loss", rows=o.m, cols=o.n, element=FP32), 1.0) for o in (n.operator for n in _ends(forward)) if isinstance(o, Contraction))


def _ends(forward: Workload) -> Iterator[Node]:
    return (n for n in forward.nodes if _is_end(n.operator))


def _is_end(operator: Operator) -> bool:
    """Whether an operator is behind the last layer: only the last stage has it, for one micro-batch at a time."""
    return operator.name in ("head", "loss")


def _exchange(name: str, pattern: str, message_byte: Real, cut: Parallelism, wanted: object, calls: float = 1.0) -> Calls:
    """A collective of a stage's replicas; none where there is one replica, or it is not wanted."""
    if (isinstance(cut.dp, float) and cut.dp == 1.0) or wanted is False:
        return ()
    ranks = where(wanted, cut.dp, 1.0)  # type: ignore[arg-type]
    message = where(wanted, message_byte, 0.0)  # type: ignore[arg-type]
    return ((Collective(name=name, pattern=pattern, message_byte=message, ranks=ranks, span=cut.tp * ranks), calls),)
