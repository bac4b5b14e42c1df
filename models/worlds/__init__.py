"""Procedural data with exact ground truth, shared by the methods."""
