"""What the page for stewards shows is what the commands do."""

from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks


def test_the_commands_of_the_page_work(tmp_path):
    script = "\n".join(blocks(DOCS / "gateways.md", "bash"))
    said = run_script(script, folder=tmp_path)
    assert "nothing came yet" in said
    assert "the bridge signs with" in said
    assert "home-noor has another key" in said
