"""`launch.py serve`: where the app listens, for whom, and what is refused before anything heavy starts."""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import os
import re
import socket

from door import DoorProblem, UsageProblem

PORT = 7860
_DEVICE = re.compile(r"^(cpu|mps|cuda(:\d+)?)$")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of serving, without defaults: a sub-command would overwrite with them what stood before its name."""
    silent = argparse.SUPPRESS
    parser.add_argument("--port", type=int, default=silent, metavar="N", help=f"port to listen on (default: {PORT})")
    parser.add_argument(
        "--listen", action="store_true", default=silent, help="listen on all addresses; needs --auth or --insecure"
    )
    parser.add_argument(
        "--auth", default=silent, metavar="USER:PASSWORD", help="ask visitors for this name and password"
    )
    parser.add_argument("--insecure", action="store_true", default=silent, help="let anybody on the network in")
    parser.add_argument(
        "--device", default=silent, metavar="NAME", help="cpu, cuda, cuda:1 or mps (default: the best there is)"
    )
    parser.add_argument(
        "--rooms", default=silent, metavar="SLUGS", help="only these rooms, as robust_sam,pelk (default: all)"
    )


def check(arguments: argparse.Namespace) -> tuple[str, int, tuple[str, str] | None, str | None]:
    """Host, port, (user, password) or None, device or None.

    Raises `UsageProblem`, or `DoorProblem` when the port is taken.
    """
    auth = _auth(getattr(arguments, "auth", None))
    device = getattr(arguments, "device", None)
    if device is not None and not _DEVICE.match(device):
        raise UsageProblem(f"--device {device!r} is unknown: say cpu, cuda, cuda:1 or mps")
    port = getattr(arguments, "port", PORT)
    if not 1 <= port <= 65535:
        raise UsageProblem(f"--port {port} is outside 1 to 65535")
    # A Space is reached through Hugging Face's own proxy, which decides who may enter.
    on_space = bool(os.environ.get("SPACE_ID"))
    listen = getattr(arguments, "listen", False)
    if listen and auth is None and not getattr(arguments, "insecure", False):
        raise UsageProblem(
            "--listen lets the whole network in: add --auth user:password, or --insecure if that is meant"
        )
    host = "0.0.0.0" if listen or on_space else "127.0.0.1"
    _check_free(host, port)
    return host, port, auth, device


def _auth(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise UsageProblem("--auth needs a name and a password with a colon between them, as ada:secret")
    return user, password


def _check_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            # A port that a closed server left in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise DoorProblem(_refused(port, problem)) from problem


def _refused(port: int, problem: OSError) -> str:
    if problem.errno == errno.EACCES:
        return f"port {port} may not be used by this account. Choose one above 1023: launch.py --port {PORT}."
    if problem.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else PORT
        return (
            f"port {port} is taken, perhaps by another start of Vitrine. "
            f"Stop that one, or choose another port: launch.py --port {other}."
        )
    return f"cannot listen on port {port}: {problem.strerror}. Choose another with --port."


def serve(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    host, port, auth, device = check(arguments)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # What is imported now stays for good; the page switches the search for garbage on again once it is built.
    gc.disable()
    rooms = [slug.strip() for slug in getattr(arguments, "rooms", "").split(",") if slug.strip()]
    try:
        importlib.import_module("app.main").serve(host=host, port=port, auth=auth, device=device, rooms=rooms)
    except importlib.import_module("models.registry").UnknownMethod as problem:
        raise UsageProblem(f"--rooms: {problem}") from problem
    return 0
