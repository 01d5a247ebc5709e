"""The page for updates: its way without packages is gone with two real environments."""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from gateway import cli
from gateway.update.trial import GOOD_S
from tests.docs.test_pages import DOCS, ROOT, blocks

PAGE = DOCS / "updates.md"


def environment(folder: Path) -> Path:
    """As pip would make it, with what is installed here already."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "here.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    program = folder / "bin" / "meterkast"
    program.write_text(f"#!{folder}/bin/python\nfrom gateway.cli import main\nmain()\n")
    program.chmod(0o755)
    return folder


def test_environments_beside_each_other_are_versions_to_choose_from(tmp_path):
    root = tmp_path / "meterkast"
    first = environment(root / "versions" / "0.1.0")
    made, _, link, install = blocks(PAGE, "bash")[0].splitlines()
    assert "sudo python3 -m venv /opt/meterkast/versions/0.1.0" == made
    link = link.replace("sudo ", "").replace("/opt/meterkast", str(root))
    subprocess.run(link, shell=True, check=True)
    program = root / "current" / "bin" / "meterkast"
    assert first == program.resolve().parents[1]
    assert install.endswith("/current/bin/meterkast install systemd gateway")
    second = environment(root / "versions" / "0.2.0")

    def say(*words: object) -> tuple[int, str]:
        done = subprocess.run([program, *words], check=False, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert (0, "runs:   0.1.0\nbefore: none\n") == say("update")
    told = say("update", second)
    assert (0, "0.2.0 is watched over once its service is started\n") == told
    assert (0, "runs:   0.2.0, on trial\nbefore: 0.1.0\n") == say("update")
    assert second == program.resolve().parents[1]


def test_the_page_says_what_the_trial_is():
    text = PAGE.read_text("utf-8")
    assert "run well for two minutes" in text
    assert 120 == GOOD_S
    assert {"update", "install"} == set(re.findall(r"meterkast ([a-z]+)\b", text)) & (
        cli.COMMANDS.keys()
    )
