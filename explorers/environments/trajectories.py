"""Designs that were evaluated as games that were played, for learning from logs: a row a step, as RLDS has it (Ramos et al. 2021).

Columns: ``episode``, ``step``, ``observation``, ``action``, ``reward``, ``is_first``, ``is_last``, ``is_terminal``. As in RLDS an episode's
last row holds what was seen at the end, and no action.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorers.environments.design import make_game
from explorers.environments.games import Bandit, Build
from explorers.space.file import space_tree
from explorers.space.space import DesignSpace, Places
from explorers.store import open_store, space_hash
from explorers.study import Study
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.files import whole

METADATA = b"roofscape"
BLOCK = 4096  # designs played together


@dataclass(frozen=True)
class Trajectories:
    """Games of equally many steps.

    Parameters
    ----------
    kind, reward : str
        The game, and what it was rewarded by.
    space_hash : str
        Of the space that the designs are of.
    observations : array, shape (episodes, steps + 1, width)
    actions : array, shape (episodes, steps, parts)
        Choices as the environment of this kind takes them.
    rewards : Column, shape (episodes, steps)
    """

    kind: str
    reward: str
    space_hash: str
    observations: NDArray[np.float32]
    actions: NDArray[np.int64]
    rewards: Column

    def __len__(self) -> int:
        return len(self.rewards)


def trajectories(source: Study | str | Path, kind: str = "build", reward: str = "monotone", **settings: Any) -> Trajectories:
    """The games that make the designs of a study, or of a sweep's folder.

    Partial designs that a game passes through are evaluated.

    Parameters
    ----------
    source : Study, str or Path
    kind : str
        ``build`` or ``bandit``; how a design was walked to is not known.
    reward, **settings
        As `explorers.environments.design.make_game` takes them.

    Raises
    ------
    InputError
    """
    if kind not in ("build", "bandit"):
        raise InputError(f"designs are logged as games of kind build or bandit, not {kind!r}")
    if isinstance(source, Study):
        space, blocks = source.space, [source.places[i : i + BLOCK] for i in range(0, len(source.places), BLOCK)]
    else:
        store = open_store(source)
        space = store.space
        blocks = [store.places(number) for number in range(store.parts) if store.part(number).is_file()]
    played = [_played(space, places, kind, reward, settings) for places in blocks if len(places)]
    if not played:
        raise InputError("there are no designs to make games of")
    seen, done, brought = (np.concatenate(parts) for parts in zip(*played, strict=True))
    return Trajectories(kind, reward, space_hash(space_tree(space)), seen, done, brought)


def _played(space: DesignSpace, places: Places, kind: str, reward: str, settings: dict[str, Any]) -> tuple[Any, Any, Any]:
    game = make_game(space, kind, len(places), reward, **settings)
    assert isinstance(game, Build | Bandit)
    actions = game.actions_to(places)
    seen, brought = [game.observe()], []
    for action in actions:
        observation, rewards, _ = game.step(action)
        seen.append(observation)
        brought.append(rewards)
    return np.stack(seen, axis=1), np.stack([a.reshape(len(places), -1) for a in actions], axis=1), np.stack(brought, axis=1)


def write_trajectories(games: Trajectories, path: str | Path) -> None:
    """Write games as a parquet file, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    episodes, steps = games.rewards.shape
    rows = episodes * (steps + 1)
    step = np.tile(np.arange(steps + 1), episodes)
    last = step == steps
    width = games.actions.shape[2]
    actions = np.concatenate([games.actions, np.zeros((episodes, 1, width), dtype=np.int64)], axis=1).reshape(rows, width)
    table = pa.table(
        {
            "episode": np.repeat(np.arange(episodes), steps + 1), "step": step,
            "observation": pa.FixedSizeListArray.from_arrays(pa.array(games.observations.reshape(-1)), games.observations.shape[2]),
            "action": pa.FixedSizeListArray.from_arrays(pa.array(actions.reshape(-1)), width, mask=pa.array(last)),
            "reward": pa.array(np.concatenate([games.rewards, np.zeros((episodes, 1))], axis=1).reshape(rows), mask=last),
            "is_first": step == 0, "is_last": last, "is_terminal": last,
        }
    )  # fmt: skip
    about = {"kind": games.kind, "reward": games.reward, "space_hash": games.space_hash}
    with whole(path) as file:
        pq.write_table(table.replace_schema_metadata({METADATA: json.dumps(about).encode()}), file, compression="zstd")


def read_trajectories(path: str | Path) -> Trajectories:
    """Games from their file.

    Raises
    ------
    InputError
        If it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    if METADATA not in (table.schema.metadata or {}):
        raise InputError(f"{path} holds no games; `write_trajectories` writes them")
    about = json.loads(table.schema.metadata[METADATA])
    rows = table.num_rows
    episodes = int(np.asarray(table["is_first"]).sum())
    steps = rows // episodes - 1
    kept = ~np.asarray(table["is_last"])
    seen = np.asarray(table["observation"].combine_chunks().flatten(), dtype=np.float32).reshape(episodes, steps + 1, -1)
    done = np.asarray(table["action"].filter(pa.array(kept)).combine_chunks().flatten(), dtype=np.int64).reshape(episodes, steps, -1)
    brought = np.asarray(table["reward"].filter(pa.array(kept)), dtype=np.float64).reshape(episodes, steps)
    return Trajectories(about["kind"], about["reward"], about["space_hash"], seen, done, brought)
