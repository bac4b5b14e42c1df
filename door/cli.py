"""The command line: what can be asked, and which interpreter answers."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from door import DoorProblem, UsageProblem, environment, serving


@dataclass(frozen=True)
class Command:
    """One sub-command.

    `module` and `function` name what does it, imported when asked for; `files` are the requirements it needs; with
    `rest` it passes unknown words on.
    """

    module: str
    function: str
    files: tuple[str, ...] = ()
    rest: bool = False


COMMANDS = {
    "serve": Command("door.serving", "serve", environment.RUN),
    "test": Command("door.commands", "test", environment.DEV, rest=True),
    "check": Command("door.commands", "check", environment.DEV),
    "evaluate": Command("door.measuring", "evaluate", environment.RUN, rest=True),
    "bench": Command("door.measuring", "bench", environment.DEV),
    "train": Command("door.measuring", "train", environment.RUN, rest=True),
    "record": Command("door.commands", "record", environment.DEV),
    "doctor": Command("door.commands", "doctor"),
}


def parser() -> argparse.ArgumentParser:
    """The whole command line; the options of `serve` stand at the top too: it is what happens without a command."""
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument(
        "--no-install",
        action="store_true",
        default=argparse.SUPPRESS,
        help="never install anything; say what is missing",
    )
    serve = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    serving.add_options(serve)
    whole = argparse.ArgumentParser(
        prog="launch.py",
        description="Vitrine: sets itself up and serves the app.",
        epilog="Without a command it serves. `launch.py COMMAND --help` explains one command.",
        parents=[common, serve],
        allow_abbrev=False,
    )
    commands_ = whole.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return commands_.add_parser(name, help=text, description=text, parents=[common, *parents], allow_abbrev=False)

    add("serve", "serve the app (the default)", serve)
    add("test", "run the tests; further words go to pytest")
    add("check", "style, types, layers, dead code, file sizes")
    evaluate = add("evaluate", "measure the shipped weights of one method on held-out data; further words are its own")
    bench = add("bench", "run one benchmark or all of them")
    train = add("train", "train the shipped weights of one method; further words go to its training")
    for sub in (evaluate, train):
        sub.add_argument("slug", help="the method, as robust_sam")
        sub.add_argument("--quick", action="store_true", help="the small setting")
    bench.add_argument("name", nargs="?", help="the benchmark, as startup (default: all)")
    for sub in (evaluate, bench):
        sub.add_argument(
            "--json",
            type=Path,
            nargs="?",
            const=Path("-"),
            metavar="FILE",
            help="write the report there, or print it",
        )
    record = add("record", "play a scripted tour and take its pictures, or refresh the README's tables")
    record.add_argument("tour", nargs="?", default="readme", help="the tour in assets/tours (default: readme)")
    record.add_argument("--tables-only", action="store_true", help="rewrite the README's tables, take no pictures")
    add("doctor", "versions, devices, memory, disk, missing system libraries")
    return whole


def run(words: Sequence[str]) -> int:
    """Parse the command line, go on in an interpreter that has the pins, do what was asked; returns the exit status."""
    whole = parser()
    arguments, rest = whole.parse_known_args(list(words))
    name = arguments.command or "serve"
    command = COMMANDS[name]
    if rest and not command.rest:
        whole.error(f"unknown input: {' '.join(rest)}")
    arguments.rest = rest[1:] if rest[:1] == ["--"] else rest
    try:
        if name == "serve":
            serving.check(arguments)
        if command.files:
            wanted = environment.Environment(files=command.files).ensure(
                install=not getattr(arguments, "no_install", False)
            )
            if str(wanted) != sys.executable:
                return environment.become(wanted, words)
        do: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(command.module), command.function)
        return do(arguments)
    except UsageProblem as problem:
        whole.error(str(problem))
    except DoorProblem as problem:
        print(f"launch.py: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
