"""The page with stand-ins for the room's model and for the jobs of a batch."""

from __future__ import annotations

import sys

from tests.app import batch_stand_in
from tests.ui import stand_in


def main() -> None:
    """Serve on the port given as the first argument (0: any free one)."""
    stand_in.install()
    batch_stand_in.install()
    from app.main import serve

    serve(port=int(sys.argv[1]), rooms=["robust_sam"])


if __name__ == "__main__":
    main()
