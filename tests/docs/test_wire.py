"""The worked example of docs/wire.md is what it says it is, by a JOSE library that is not ours."""

import hashlib
import re
from pathlib import Path

import pytest
from joserfc.errors import BadSignatureError

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text("utf-8")
KEYS = {
    "record": "RCmTBlAEqh5MSPTdAVgZTAI0m8xmTNluQA6iaZGKjVE",
    "receipt": "u3eDFPmg51n3cXRGebRPbCxcm9CEB0iuw2qvwqkEK-o",
}


def block(name: str) -> bytes:
    found = re.search(rf"^```{name}\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/wire.md has no block {name}"
    return found[1].encode()


def run_the_snippet(data: bytes, x: str, folder: Path) -> None:
    """Run the Python of the page as it stands there, on a file record.txt."""
    (folder / "record.txt").write_bytes(data + b"\n")
    code = block("python").decode().replace(KEYS["record"], x)
    exec(code.replace('"record.txt"', repr(str(folder / "record.txt"))), {})


@pytest.mark.parametrize("name", KEYS)
def test_the_example_is_signed_as_the_page_says(name, tmp_path):
    assert f"`{KEYS[name]}`" in PAGE
    run_the_snippet(block(name), KEYS[name], tmp_path)
    with pytest.raises(BadSignatureError):
        run_the_snippet(block(name).replace(b"412", b"413"), KEYS[name], tmp_path)


def test_the_digest_is_that_of_both_lines():
    assert f"`{hashlib.sha256(block('record')).hexdigest()}`" in PAGE
