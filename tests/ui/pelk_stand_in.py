"""The page with the PeLK room alone, its networks drawn, not trained: ``python -m tests.ui.pelk_stand_in FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from models import registry


def main() -> None:
    """Serve on any free port; the drawn weights are written into the folder given as the first argument."""
    from models.pelk import nano
    from tests.pelk.untrained import write

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder)

    def file(task: str, variant: str, seed: int = 0, elsewhere: Path | None = None) -> Path:
        return (elsewhere or folder) / f"{task}_{variant}_{seed}.safetensors"

    nano.weights_file = file  # type: ignore[assignment]
    if "pelk" not in registry.WORKING:
        registry.WORKING = (*registry.WORKING, "pelk")
    from app.main import serve

    serve(port=0, rooms=["pelk"])


if __name__ == "__main__":
    main()
