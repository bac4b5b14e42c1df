"""Annotation: masks with names, and the files they travel in."""
