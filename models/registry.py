"""Slug -> Method. Reading it imports the light ``__init__`` of each method only, never torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from models.method import Method

WORKING = ("robust_sam", "hugs", "pelk", "ost")
"""Rooms that work today, in the order of their tabs. A method enters this list when its panel answers for real."""


class UnknownMethod(KeyError):
    """Asked for a slug that no working method has."""

    def __init__(self, slug: str, known: tuple[str, ...]) -> None:
        super().__init__(slug)
        self.slug = slug
        self.known = known

    def __str__(self) -> str:
        return f"no method is called {self.slug!r}; the working ones are: {', '.join(self.known)}"


class DuplicateMethod(ValueError):
    """Two methods claim one slug."""


_methods: dict[str, Method] = {}


def register(method: Method) -> None:
    """Add ``method``; raises DuplicateMethod when its slug is taken by another one."""
    taken = _methods.get(method.slug)
    if taken is not None and taken is not method:
        raise DuplicateMethod(f"the slug {method.slug!r} belongs to {taken.title!r}, so {method.title!r} needs another")
    _methods[method.slug] = method


def methods() -> tuple[Method, ...]:
    """All working methods in the order of their tabs."""
    for slug in WORKING:
        if slug not in _methods:
            register(import_module(f"models.{slug}").METHOD)
    return tuple(_methods.values())


def get(slug: str) -> Method:
    """The method called ``slug``; raises UnknownMethod naming those that exist."""
    known = {method.slug: method for method in methods()}
    if slug not in known:
        raise UnknownMethod(slug, tuple(known))
    return known[slug]


def offered(name: str) -> Any:
    """What a method offers to others under ``name``, as "segments"; raises LookupError when none does.

    Methods may not import each other: whoever calls one of them hands it this.
    """
    for method in methods():
        if name in method.offers:
            module, _, function = method.offers[name].partition(":")
            return getattr(import_module(module), function)()
    raise LookupError(f"no method offers {name!r}")
