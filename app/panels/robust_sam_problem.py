"""The error of the stage's actions."""

from __future__ import annotations


class BadPrompt(ValueError):
    """A prompt that cannot be used: names the input, the problem and the remedy."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name}: {problem}. {remedy}")
        self.name = name
        self.problem = problem
        self.remedy = remedy
