"""The page for backups, from top to bottom: a hub is made, backed up, and made again."""

import re

from gateway import cli
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks

PAGE = DOCS / "backup.md"


def test_the_hub_of_the_page_is_made_again(tmp_path):
    said = run_script("\n".join(blocks(PAGE, "bash")), folder=tmp_path)
    assert "the log begins again as meterkast/zonstraat/2" in said
    assert re.search(r"^verified: 0 records", said, re.MULTILINE)


def test_what_the_page_says_to_services_are_commands_and_their_users():
    text = PAGE.read_text("utf-8")
    named = re.findall(r"^    sudo meterkast-(?:gateway|bridge) ([a-z]+) ", text, re.MULTILINE)
    assert ["backup", "restore", "hub", "backup", "restore"] == named
    assert set(named) <= cli.COMMANDS.keys()
    for user, owner in re.findall(r"-o (\S+) .*\n    sudo (\S+) backup", text):
        assert user == owner
