"""Scripted tours of the running app, the pictures they take, and the README's tables. Imports no gradio."""

from __future__ import annotations


def run(tour: str, *, tables_only: bool = False) -> int:
    """Play the tour called `tour` and keep its pictures; with the tour `readme`, refresh the tables too. Returns 0."""
    if tour == "readme" or tables_only:
        from app.record import tables

        for file in tables.refresh():
            print(f"refreshed the tables of {file}")
    if not tables_only:
        # playwright is a package of developers only.
        from app.record import play

        for picture in play.record(tour):
            print(f"took {picture}")
    return 0
