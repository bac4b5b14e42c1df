"""The one door of Vitrine.

`python3 launch.py` sets itself up and serves the app; `python3 launch.py --help` lists the rest. This file and `door/`
use the standard library only, because they run before anything is installed.
"""

import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def main() -> int:
    """Check the interpreter, then hand over to `door.cli`; the result is the exit status."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        # Only syntax of old Pythons before this point, so that they can still print the message.
        sys.stderr.write(
            "launch.py: this is Python %d.%d, but the pinned packages need Python 3.11 (3.12 and 3.13 work too).\n"  # noqa: UP031
            "Install Python 3.11 (python.org, `apt-get install python3.11`, `brew install python@3.11`)\n"
            "and run: python3.11 launch.py\n" % sys.version_info[:2]
        )
        return 2
    from door.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
