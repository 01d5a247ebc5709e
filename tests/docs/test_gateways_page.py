"""What the page for stewards shows is what the commands do."""

import os
import subprocess
import sysconfig

from tests.docs.test_pages import DOCS, blocks


def test_the_commands_of_the_page_work(tmp_path):
    script = "\n".join(blocks(DOCS / "gateways.md", "bash"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "nothing came yet" in done.stdout
    assert "the bridge signs with" in done.stdout
    assert "home-noor has another key" in done.stdout
