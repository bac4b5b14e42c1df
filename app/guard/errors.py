"""The error the guard raises; it lives beside the readers that models/ share with the app."""

from models.parts.problems import BadInput, readable_bytes, shown_name

__all__ = ["BadInput", "readable_bytes", "shown_name"]
