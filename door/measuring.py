"""`launch.py evaluate`, `bench` and `train`: they run the project's measurements and trainings and deliver reports."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any

from door import ROOT, DoorProblem, UsageProblem, report


def evaluate(arguments: argparse.Namespace) -> int:
    """Print the report card of one method's shipped weights, or what further words of that method ask for."""
    module = _part(arguments.slug, "evaluation")
    refused = importlib.import_module("app.guard.errors").BadInput
    try:
        if not arguments.rest:
            result = module.evaluate(arguments.quick)
        elif hasattr(module, "evaluate_with"):
            door = importlib.import_module("app.guard.checkpoints").checkpoint_door
            result = module.evaluate_with(arguments.quick, arguments.rest, door)
        else:
            raise UsageProblem(f"unknown input: {' '.join(arguments.rest)}. {arguments.slug} takes --quick and --json")
    except (refused, *getattr(module, "PROBLEMS", ())) as problem:
        raise DoorProblem(str(problem)) from problem
    return _deliver([report.make(f"evaluate {arguments.slug}", result)], arguments)


def bench(arguments: argparse.Namespace) -> int:
    """Run one benchmark or all; a benchmark that fails is reported after the others have run."""
    known = benchmarks()
    if arguments.name is not None and arguments.name not in known:
        raise UsageProblem(f"no benchmark is called {arguments.name!r}: there are {', '.join(known)}")
    done, failed = [], []
    for name in [arguments.name] if arguments.name else known:
        try:
            done.append(report.make(f"bench {name}", importlib.import_module(f"bench.{name}").run()))
        except Exception as problem:
            if arguments.name:
                raise
            # One broken benchmark must not cost the figures of the others; it is named below and in the exit status.
            failed.append(f"bench {name} failed: {type(problem).__name__}: {problem}")
            continue
        if arguments.json != report.SCREEN:
            print(report.text(done[-1]), flush=True)
    if done and arguments.json == report.SCREEN:
        print(report.as_json(done))
    elif done and arguments.json:
        report.write(arguments.json, done)
    if failed:
        raise DoorProblem("\n".join(failed) + "\nRun one alone to see where it failed: launch.py bench NAME.")
    return 0


def benchmarks() -> list[str]:
    """The names of the benchmarks: the modules of `bench/` that have a `run`."""
    names = sorted(
        module.name for module in pkgutil.iter_modules([str(ROOT / "bench")]) if not module.name.startswith("_")
    )
    return [name for name in names if "\ndef run(" in (ROOT / "bench" / f"{name}.py").read_text(encoding="utf-8")]


def train(arguments: argparse.Namespace) -> int:
    """Train one method's shipped weights."""
    module = _part(arguments.slug, "training")
    main: Callable[..., Any] | None = getattr(module, "main", None)
    if main is not None:
        return int(main([*(["--quick"] if arguments.quick else []), *arguments.rest]) or 0)
    if arguments.rest:
        raise UsageProblem(
            f"unknown input: {' '.join(arguments.rest)}. The training of {arguments.slug} takes only --quick"
        )
    module.train(arguments.quick)
    return 0


def _part(slug: str, part: str) -> ModuleType:
    registry = importlib.import_module("models.registry")
    known = [method.slug for method in registry.methods()]
    if slug not in known:
        raise UsageProblem(f"no method is called {slug!r}: there are {', '.join(known)}")
    if importlib.util.find_spec(f"models.{slug}.{part}") is None:
        raise DoorProblem(f"{slug} has no {part}: nothing to do.")
    return importlib.import_module(f"models.{slug}.{part}")


def _deliver(reports: list[dict[str, object]], arguments: argparse.Namespace) -> int:
    if arguments.json == report.SCREEN:
        print(report.as_json(reports))
        return 0
    for one in reports:
        print(report.text(one))
    if arguments.json:
        report.write(arguments.json, reports)
    return 0
