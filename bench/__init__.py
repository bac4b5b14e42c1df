"""Benchmarks: each module has `run()`, which returns figures and their configuration; `launch.py bench` prints them."""
