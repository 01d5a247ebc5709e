"""Who has a port open already."""

import os
from pathlib import Path

HELD = "stop it there; the home link feeds Home Assistant as well"


def holder(path: str) -> str:
    """Which other program has the port open, as far as /proc tells."""
    port = os.path.realpath(path)
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            held = any(str(fd.readlink()) == port for fd in (process / "fd").iterdir())
            if held:
                program = (process / "comm").read_text("utf-8", "replace").strip()
                return f"{program} (process {process.name})"
        except OSError:
            continue  # gone meanwhile, or not ours to look into
    return "another program"
