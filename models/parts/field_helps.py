"""The text under each field of a settings class, which is its help wherever the field is shown. Imports no torch."""

from __future__ import annotations

import ast
from functools import lru_cache
from inspect import getsource
from itertools import pairwise


@lru_cache(maxsize=16)
def field_helps(settings: type) -> dict[str, str]:
    """Field name -> text, of those fields of the class ``settings`` that have one."""
    (body,) = (node.body for node in ast.parse(getsource(settings)).body if isinstance(node, ast.ClassDef))
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = str(ast.literal_eval(text.value))
    return found
