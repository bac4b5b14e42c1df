"""Nets, geometry and image operations that several methods share."""
