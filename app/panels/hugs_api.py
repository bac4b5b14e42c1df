"""The HuGS room's functions for scripts: ``gradio_client`` calls the same code that the page runs."""

from __future__ import annotations


def bind() -> None:
    """Nothing yet."""
