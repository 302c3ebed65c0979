"""The command line as a page, from its own parser."""

from __future__ import annotations

import argparse

from roofscape.cli import COMMANDS, parser


def cli_page() -> str:
    """All commands with their options, in Markdown."""
    top = parser()
    commands = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    lines = ["# Command line", "", f"{top.description} Each command says the same with `--help`.", ""]
    lines += ["The exit code is 0, or 2 for input that cannot be used; the message names what is wrong and the remedy.", ""]
    lines += ["| command | |", "|---|---|", *(f"| [`{name}`](#{name}) | {cell(text)} |" for name, text in COMMANDS.items()), ""]
    for name, command in commands.choices.items():
        lines += _command(name, command)
    return "\n".join(lines)


def _command(name: str, command: argparse.ArgumentParser) -> list[str]:
    """One command: what it does, and a table of arguments for each group."""
    lines = [f"## {name}", "", command.description or "", ""]
    for group in command._action_groups:
        actions = [a for a in group._group_actions if not isinstance(a, argparse._HelpAction)]
        if not actions:
            continue
        title = {"positional arguments": "arguments", "options": "options"}.get(group.title or "", group.title or "")
        lines += [f"**{title[0].upper()}{title[1:]}**", "", "| | |", "|---|---|", *(_row(a) for a in actions), ""]
    return lines


def _row(action: argparse.Action) -> str:
    """One argument and its meaning."""
    value = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper())
    takes = action.nargs != 0
    names = [f"{option} {value}" if takes else option for option in action.option_strings] or [str(value)]
    text = (action.help or "") % {**vars(action), "prog": "roofscape"}
    return f"| {', '.join(f'`{cell(n)}`' for n in names)} | {cell(text)}{' **(needed)**' if action.required and action.option_strings else ''} |"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")
