"""``roofscape query``: rows of a results folder."""

from __future__ import annotations

import argparse
import json

from explorers.query import count, query, write_csv
from explorers.store import open_store
from magnitudes.errors import InputError
from magnitudes.files import check_writable, write_whole


def run(options: argparse.Namespace) -> None:
    """Ask, print, and write what was asked to be written."""
    check_writable(options.csv)
    check_writable(options.html)
    check_writable(options.trajectories)
    store = open_store(options.folder)
    if options.trajectories:
        _write_trajectories(options)
        return
    if options.csv:
        write_csv(store, options.csv, options.condition, pareto=options.pareto, order=options.order, infeasible=options.all)
    limit = options.limit
    if options.html:
        from roofscape.report.exploration_page import MOST_ROWS

        limit = max(limit, MOST_ROWS)
    rows = query(store, options.condition, pareto=options.pareto, order=options.order, limit=limit, infeasible=options.all)
    if options.html:
        from roofscape.report.exploration_page import query_page

        found = len(rows) if options.pareto else count(store, options.condition, infeasible=options.all)
        write_whole(options.html, query_page(store, rows, options.condition, [p.partition(":")[0] for p in options.pareto], found))
    if not options.pareto:
        rows = rows.head(options.limit)
    if options.json:
        print(json.dumps(json.loads(rows.to_json(orient="records", double_precision=15)), indent=2))
        return
    from roofscape.report.exploration import show_rows

    show_rows(store, rows)


def _write_trajectories(options: argparse.Namespace) -> None:
    """All designs of a folder as games that build them."""
    from explorers.environments.trajectories import trajectories, write_trajectories

    if options.condition or options.pareto:
        raise InputError("--trajectories writes all designs of a folder: leave out the condition and --pareto")
    games = trajectories(options.folder)
    write_trajectories(games, options.trajectories)
    print(f"{options.trajectories}: {len(games):,} games of {games.rewards.shape[1]} steps")
