"""The command `meterkast` where not everything is installed."""

import sys

import pytest

from gateway import cli


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
def test_a_command_that_lacks_its_packages_says_which_in_three_lines(monkeypatch, capsys, tmp_path):
    (tmp_path / "of_a_hub.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.COMMANDS, "bridge", "of_a_hub:bridge")
    monkeypatch.setattr(sys, "argv", ["meterkast", "bridge"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert 2 == ended.value.code
    assert [
        "error: this command needs a package that is not installed: no_such_package",
        "where: meterkast bridge",
        "try:   at a hub: apt install meterkast-bridge, or 'meterkast[bridge]'",
    ] == capsys.readouterr().err.splitlines()
