"""The commands of a page, as somebody types them who reads it from top to bottom."""

import os
import subprocess
import sysconfig
from pathlib import Path


def run_script(script: str, *, folder: Path) -> str:
    """What these commands print in a folder; each of them must succeed."""
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout
