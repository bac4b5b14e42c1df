"""Descriptors from a language model: the questions to ask it, what it answered, and a service that can be asked."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from models.ost.descriptors import ActionClass
from models.ost.lint import without_step
from models.parts.problems import BadInput

URL_VARIABLE, KEY_VARIABLE, MODEL_VARIABLE = "VITRINE_LLM_URL", "VITRINE_LLM_KEY", "VITRINE_LLM_MODEL"
_SERVICE = "The text service"
_SECONDS = 30.0
_MOST_BYTES = 1_000_000
_BULLET = re.compile(r"^\s*(?:[-*+•–]\s+|\(?\d{1,3}[.):]\s*|[a-z][.)]\s+)", re.IGNORECASE)
_FENCE = re.compile(r"```[a-z]*\s*(.*?)```", re.DOTALL | re.IGNORECASE)


def spatial_question(name: str, count: int = 4) -> str:
    """What to ask for static cues of one action."""
    return (
        f'The action is "{name}". List {count} short visual cues that a single photo of it would show: objects, '
        "clothes, body parts, surroundings. One to five words each, without the name of the action. "
        "Answer with a JSON list of strings only."
    )


def temporal_question(name: str, count: int = 4) -> str:
    """What to ask for the steps of one action."""
    return (
        f'The action is "{name}". Break it down into {count} steps in their order, each as a camera would see it. '
        "Three to ten words each, no numbering. Answer with a JSON list of strings only."
    )


def table_question(names: Sequence[str], count: int = 4) -> str:
    """One question for a whole class list; the answer is our merged JSON form."""
    listed = ", ".join(f'"{name}"' for name in names)
    return (
        f"Actions: {listed}.\n"
        f"For each action write {count} short visual cues that a single photo would show (objects, clothes, "
        f"surroundings; without the name of the action) and {count} steps in their order as a camera would see them. "
        'Answer with JSON only, in this form: {"action": {"spatial": ["..."], "temporal": ["..."]}}'
    )


def parsed_list(answer: str) -> tuple[str, ...]:
    """The texts of a pasted answer: a JSON list, a bulleted or numbered list, or lines.

    Numbering, "Step 1:", quotes and closing full stops are taken off; a sentence that introduces the list and doubles
    are left out. Raises BadInput when nothing is left.
    """
    body = _body(answer)
    content = _as_json(body)
    if isinstance(content, list) and all(isinstance(text, str) for text in content):
        lines = content
    else:
        rows = [line for line in body.splitlines() if line.strip()]
        marked = [line for line in rows if _BULLET.match(line)]
        lines = marked or [line for line in rows if not line.strip().endswith(":")]
    texts = [_plain(line) for line in lines]
    found = tuple(dict.fromkeys(text for text in texts if text))
    if not found:
        raise BadInput("The pasted answer", "holds no list", "Paste a JSON list, or one descriptor a line")
    return found


def parsed_table(answer: str) -> tuple[ActionClass, ...]:
    """The classes of a pasted answer to ``table_question``; lists may be of any length. Raises BadInput."""
    content = _as_json(_body(answer))
    if not isinstance(content, dict) or not content:
        raise BadInput("The pasted answer", "is no JSON table of classes", "Paste the whole answer, braces included")
    classes = []
    for name, parts in content.items():
        if not isinstance(parts, dict):
            raise BadInput(f"Class {name!r}", "has no lists in the answer", "Ask again, or paste one list at a time")
        kinds = [parts.get(kind) for kind in ("spatial", "temporal")]
        if not all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in kinds):
            raise BadInput(f"Class {name!r}", "lacks a list of texts in the answer", "Ask again, or write it by hand")
        cleaned = [tuple(text for text in map(_plain, texts or []) if text) for texts in kinds]
        classes.append(ActionClass(str(name), cleaned[0], cleaned[1]))
    return tuple(classes)


def ask_service(name: str, count: int = 4, seconds: float = _SECONDS) -> ActionClass:
    """Asks an OpenAI-compatible service for both lists of one action and keeps the first ``count`` of each.

    VITRINE_LLM_URL (such as http://127.0.0.1:11434/v1), VITRINE_LLM_MODEL and, where needed, VITRINE_LLM_KEY say which.
    Raises BadInput when it is not set, does not answer, or answers with too few.
    """
    questions = (spatial_question(name, count), temporal_question(name, count))
    lists = [parsed_list(_asked(question, seconds)) for question in questions]
    for kind, texts in zip(("spatial", "temporal"), lists, strict=True):
        if len(texts) < count:
            raise BadInput(
                _SERVICE, f"gave {len(texts)} {kind} descriptors of {count} for {name!r}", "Ask again or write the rest"
            )
    return ActionClass(name, lists[0][:count], lists[1][:count])


def _asked(question: str, seconds: float) -> str:
    base = os.environ.get(URL_VARIABLE, "").rstrip("/")
    if urlsplit(base).scheme not in ("http", "https"):
        raise BadInput(_SERVICE, "has no address", f"Set {URL_VARIABLE}, or copy the question and paste the answer")
    content = {
        "model": os.environ.get(MODEL_VARIABLE, "gpt-3.5-turbo"),
        "temperature": 0,
        "messages": [{"role": "user", "content": question}],
    }
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY_VARIABLE):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{base}/chat/completions", json.dumps(content).encode(), headers)
    remedy = "Nothing was changed: try again later, or copy the question and paste the answer"
    try:
        with urllib.request.urlopen(request, timeout=seconds) as reply:
            body = reply.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise BadInput(_SERVICE, f"answered with error {error.code}", remedy) from error
    except (OSError, ValueError) as error:
        raise BadInput(_SERVICE, "does not answer", remedy) from error
    if len(body) > _MOST_BYTES:
        raise BadInput(_SERVICE, "answered with more than a megabyte", remedy)
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise BadInput(_SERVICE, "answered in another form than chat completions", remedy) from error
    if not isinstance(text, str):
        raise BadInput(_SERVICE, "answered without a text", remedy)
    return text


def _body(answer: str) -> str:
    fenced = _FENCE.search(answer)
    return (fenced[1] if fenced else answer).strip()


def _as_json(body: str) -> Any:
    """The JSON in ``body``, also when a sentence stands before or behind it; None when there is none."""
    for opening, closing in (("", ""), ("[", "]"), ("{", "}")):
        start, end = (body.find(opening), body.rfind(closing)) if opening else (0, len(body) - 1)
        try:
            return json.loads(body[start : end + 1])
        except (ValueError, RecursionError):
            continue
    return None


def _plain(line: str) -> str:
    text = without_step(_BULLET.sub("", line.strip()))
    return text.replace("**", "").strip().strip("\"'“”,;").strip().removesuffix(".").strip()
