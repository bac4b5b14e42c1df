"""A tour as data: page, steps, pictures; read from assets/tours/<name>.yaml and checked before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from app.record.errors import TourProblem

TOURS = Path(__file__).resolve().parent.parent.parent / "assets" / "tours"
Action = Literal["click", "press", "type", "choose", "drag", "wait", "gone", "shot", "download"]
Theme = Literal["light", "dark"]
ACTIONS: tuple[str, ...] = get_args(Action)
NEEDS_PLACE = frozenset(ACTIONS) - {"shot", "press"}
NEEDS_TEXT = frozenset({"press", "type", "choose", "shot"})


@dataclass(frozen=True)
class Step:
    """One step. `element` is a CSS selector, `at` and `to` are shares of that element's width and height.

    `text` is the key to press, the words to type, the option to choose or the name of the picture; `seconds` is the
    longest wait for the element.
    """

    do: Action
    element: str = ""
    at: tuple[float, float] | None = None
    to: tuple[float, float] | None = None
    text: str = ""
    seconds: float = 60.0


@dataclass(frozen=True)
class Tour:
    """`size` is the window in CSS pixels, `themes` the looks in which the whole tour is played."""

    name: str
    title: str
    steps: tuple[Step, ...]
    path: str = "/"
    size: tuple[int, int] = (1440, 900)
    themes: tuple[Theme, ...] = ("light", "dark")


def load(name: str, folder: Path = TOURS) -> Tour:
    """Read the tour called `name`; raises TourProblem naming what is wrong and what exists."""
    file = folder / f"{name}.yaml"
    known = sorted(one.stem for one in folder.glob("*.yaml"))
    if name not in known:
        raise TourProblem(f"no tour is called {name!r}: there are {', '.join(known) or 'none'}")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as problem:
        raise TourProblem(f"{file.name} is not YAML: {problem}") from problem
    return parse(name, content)


def parse(name: str, content: Any) -> Tour:
    """Check what a tour file says and turn it into a Tour; raises TourProblem."""
    if not isinstance(content, Mapping) or not isinstance(content.get("steps"), list):
        raise TourProblem(f"tour {name}: it needs a title and a list of steps")
    _only_known(content, Tour, f"tour {name}")
    steps = tuple(_step(name, number, step) for number, step in enumerate(content["steps"], start=1))
    rest: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in content.items() if key != "steps"
    }
    themes = rest.get("themes", Tour.themes)
    if not set(themes) <= {"light", "dark"}:
        raise TourProblem(f"tour {name}: themes are light and dark, not {', '.join(map(str, themes))}")
    return Tour(name=name, steps=steps, **{"title": name, **rest})


def _step(name: str, number: int, content: Any) -> Step:
    where = f"tour {name}, step {number}"
    if not isinstance(content, Mapping) or content.get("do") not in ACTIONS:
        raise TourProblem(f"{where}: do must be one of {', '.join(ACTIONS)}")
    _only_known(content, Step, where)
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    step = Step(**values)
    if step.do in NEEDS_PLACE and not step.element:
        raise TourProblem(f"{where}: {step.do} needs element, the selector of an element")
    if step.do in NEEDS_TEXT and not step.text:
        raise TourProblem(f"{where}: {step.do} needs text")
    for share in (step.at, step.to):
        if share is not None and not (len(share) == 2 and all(0 <= part <= 1 for part in share)):
            raise TourProblem(f"{where}: {share} must be two shares between 0 and 1")
    if step.do == "drag" and (step.at is None or step.to is None):
        raise TourProblem(f"{where}: drag needs at and to")
    return step


def _only_known(content: Mapping[Any, Any], kind: type, where: str) -> None:
    known = {field.name for field in fields(kind)} - ({"name"} if kind is Tour else set())
    unknown = [str(key) for key in content if key not in known]
    if unknown:
        raise TourProblem(f"{where}: {', '.join(unknown)} is unknown; there are {', '.join(sorted(known))}")
