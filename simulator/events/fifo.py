"""Nodes joined by bounded queues, token by token: what the closed form of a streaming section is checked against.

A node works in steps, one each `interval` cycles, in the order of its tokens. A step may start when the tokens that it takes have arrived and the queues
that it gives to have a place free; its result arrives `latency` cycles later, and a place that is emptied is seen by the producer a cycle later. Two
places are thus enough between nodes of one cycle. Each node has a clock of its own (Zhang et al., The Dataflow Abstract Machine, ISCA 2024): a token's time
depends on its node's past and its neighbours' alone, so that nodes run ahead until a queue stops them, in any order, with the same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from magnitudes.errors import InputError
from magnitudes.names import nearest

UNBOUNDED = inf


class NetworkError(InputError):
    """Nodes and queues that do not form a network."""


@dataclass(frozen=True, slots=True)
class FifoNode:
    """A node.

    Parameters
    ----------
    name : str
    inputs : tuple of str
        Nodes whose tokens it takes, one of each at a time.
    takes_every, gives_every : int
        Steps between two tokens taken, and between two given: a reduction gives one of so many, a repetition takes one for so many.
    tokens : int
        Steps in all, of a node without inputs; others run as long as tokens come.
    interval, latency : float
        Cycles from step to step, and from a step to its result.
    """

    name: str
    inputs: tuple[str, ...] = ()
    takes_every: int = 1
    gives_every: int = 1
    tokens: int = 0
    interval: float = 1.0
    latency: float = 1.0


def source(name: str, tokens: int, **pace: float) -> FifoNode:
    """A node that gives so many tokens."""
    return FifoNode(name, tokens=tokens, **pace)  # type: ignore[arg-type]


def mapped(name: str, *inputs: str, **pace: float) -> FifoNode:
    """A token out for one of each input: a function, a zip of several, or a scan that keeps a running value."""
    return FifoNode(name, inputs, **pace)  # type: ignore[arg-type]


def reduced(name: str, of: str, count: int, **pace: float) -> FifoNode:
    """One token out for `count` in."""
    return FifoNode(name, (of,), gives_every=count, **pace)  # type: ignore[arg-type]


def repeated(name: str, of: str, count: int, **pace: float) -> FifoNode:
    """`count` tokens out for one in."""
    return FifoNode(name, (of,), takes_every=count, **pace)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes, and the places of the queues between them.

    Parameters
    ----------
    nodes : tuple of FifoNode
    depth : float
        Places of each queue that is not named; `UNBOUNDED` for no limit.
    depths : mapping of (str, str) to float
        Places of the queue from one node to another.
    """

    nodes: tuple[FifoNode, ...]
    depth: float = 2.0
    depths: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [node.name for node in self.nodes]
        for name, times in Counter(names).items():
            if times > 1:
                raise NetworkError(f"{times} nodes are called {name!r}; queues go by name, so that each needs its own")
        for node in self.nodes:
            for origin in node.inputs:
                if origin not in names:
                    near = nearest(origin, names)
                    raise NetworkError(f"{node.name} takes tokens of {origin!r}, which is no node" + (f"; did you mean {near[0]}?" if near else ""))
            if not node.inputs and node.tokens < 1:
                raise NetworkError(f"{node.name} has no inputs and {node.tokens} tokens; a source gives at least one: tokens=...")
        for queue, places in self.depths.items():
            if queue not in self.queues:
                raise NetworkError(f"there is no queue from {queue[0]} to {queue[1]} (queues: {', '.join(f'{a} to {b}' for a, b in self.queues)})")
            if places < 1:
                raise NetworkError(f"the queue from {queue[0]} to {queue[1]} has {places:g} places; at least one is needed")

    @property
    def queues(self) -> tuple[tuple[str, str], ...]:
        """All queues, as (from, to)."""
        return tuple((origin, node.name) for node in self.nodes for origin in node.inputs)

    def places(self, queue: tuple[str, str]) -> float:
        """Places of a queue."""
        return self.depths.get(queue, self.depth)


@dataclass(frozen=True, slots=True)
class Run:
    """What a network did.

    Parameters
    ----------
    cycles : float
        When the last result arrived; infinite where the network stopped before.
    blocked : mapping of str to str
        Of a deadlock: each node that could not go on, and what it waits for.
    most : mapping of (str, str) to int
        Most tokens that each queue held at once.
    """

    cycles: float
    blocked: Mapping[str, str]
    most: Mapping[tuple[str, str], int]

    @property
    def deadlock(self) -> bool:
        """Whether nodes wait for each other for ever."""
        return bool(self.blocked)


@dataclass
class _Queue:
    """Arrival of each token, and when each place was seen empty again."""

    places: float
    arrivals: list[float] = field(default_factory=list)
    emptied: list[float] = field(default_factory=list)

    def room_at(self) -> float | None:
        """When the next token finds a place; None while nobody has made room."""
        taken = len(self.arrivals) - self.places
        if taken < 0:
            return 0.0
        return self.emptied[int(taken)] if taken < len(self.emptied) else None

    def token_at(self) -> float | None:
        """When the next token can be taken; None while there is none."""
        return self.arrivals[len(self.emptied)] if len(self.emptied) < len(self.arrivals) else None


@dataclass
class _Worker:
    """A node at work."""

    node: FifoNode
    inputs: list[_Queue]
    outputs: list[_Queue]
    steps: int = 0
    free_at: float = 0.0
    finished_at: float = 0.0

    def run(self) -> bool:
        """Step as long as tokens and places allow; whether there was a step at all."""
        before = self.steps
        while self.steps < self.node.tokens or self.node.inputs:
            ready = self._ready_at()
            if ready is None:
                break
            if self.steps % self.node.takes_every == 0:
                for queue in self.inputs:
                    queue.emptied.append(ready + 1.0)
            self.steps += 1
            self.free_at = ready + self.node.interval
            self.finished_at = ready + self.node.latency
            if self.steps % self.node.gives_every == 0:
                for queue in self.outputs:
                    queue.arrivals.append(self.finished_at)
        return self.steps > before

    def _ready_at(self) -> float | None:
        """When the next step can start; None while it is not known."""
        times: list[float | None] = [self.free_at]
        if self.steps % self.node.takes_every == 0:
            times += [queue.token_at() for queue in self.inputs]
        if (self.steps + 1) % self.node.gives_every == 0:
            times += [queue.room_at() for queue in self.outputs]
        known = [t for t in times if t is not None]
        return max(known) if len(known) == len(times) else None

    def waits_for(self) -> str | None:
        """What stops a node that is not through; None for one that is."""
        if self.steps >= self.node.tokens and not self.node.inputs:
            return None
        full = self.steps and (self.steps + 1) % self.node.gives_every == 0 and any(q.room_at() is None for q in self.outputs)
        if self.steps % self.node.takes_every:
            return "room in a queue behind it"
        has = [q.token_at() is not None for q in self.inputs]
        if full and all(has):
            return "room in a queue behind it"
        if any(has) and not all(has):
            return f"tokens of {', '.join(n for n, h in zip(self.node.inputs, has, strict=True) if not h)}"
        return "room in a queue behind it" if not self.inputs else None


def run(network: Network) -> Run:
    """Let the tokens flow until nothing moves any more."""
    queues = {queue: _Queue(network.places(queue)) for queue in network.queues}
    workers = [_Worker(node, [queues[origin, node.name] for origin in node.inputs], [queues[q] for q in queues if q[0] == node.name]) for node in network.nodes]
    moved = True
    while moved:
        moved = False
        for worker in workers:
            moved = worker.run() or moved
    blocked = {w.node.name: why for w in workers if (why := w.waits_for()) is not None}
    cycles = inf if blocked else max(w.finished_at for w in workers)
    return Run(cycles, blocked, {queue: _most(state) for queue, state in queues.items()})


def _most(queue: _Queue) -> int:
    """Most tokens in a queue at once."""
    most = gone = 0
    for place, arrival in enumerate(queue.arrivals, start=1):
        while gone < len(queue.emptied) and queue.emptied[gone] - 1.0 <= arrival:
            gone += 1
        most = max(most, place - gone)
    return most


def smallest_depth(network: Network, queues: Iterable[tuple[str, str]], slack: float = 0.0) -> int:
    """The fewest places of some queues, all alike, at which the network is as fast as without any limit.

    Parameters
    ----------
    slack : float
        Share by which it may be slower.

    Raises
    ------
    NetworkError
        If it is slower however many places those queues have: another queue holds it up.
    """
    named = tuple(queues)
    limit = run(replace(network, depth=UNBOUNDED, depths={})).cycles * (1.0 + slack)

    def fast(places: int) -> bool:
        return run(replace(network, depths={**network.depths, **{q: float(places) for q in named}})).cycles <= limit

    most = 1
    while not fast(most):
        if most > _tokens(network):
            raise NetworkError(f"not even {most} places make {', '.join(f'{a} to {b}' for a, b in named)} fast: a queue elsewhere holds the network up")
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (most + least) // 2
        least, most = (least, middle) if fast(middle) else (middle, most)
    return most


def _tokens(network: Network) -> int:
    """Tokens of the busiest source: no queue of it needs more places."""
    repeats = max((node.takes_every for node in network.nodes), default=1)
    return max(node.tokens for node in network.nodes) * repeats


def interval(network: Network, paths: Sequence[Sequence[str]] = ()) -> float:
    """Cycles from token to token in closed form, for nodes that take and give one at a time.

    The slowest node, or the loop of a token and the place that it leaves behind: through one queue, or through a longer path beside it.

    Parameters
    ----------
    paths : sequence of sequences of str
        For each pair of ways that part and join again: the nodes of the longer one from where they part, then the node where they join; the shorter
        one is the queue between both ends.
    """
    by_name = {node.name: node for node in network.nodes}
    loops = [(by_name[a].latency + 1.0) / network.places((a, b)) for a, b in network.queues]
    loops += [(sum(by_name[n].latency for n in path[:-1]) + 1.0) / network.places((path[0], path[-1])) for path in paths]
    return max([*(node.interval for node in network.nodes), *loops])
