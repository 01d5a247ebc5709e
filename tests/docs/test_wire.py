"""The worked example of docs/wire.md is what it says it is, by a JOSE library that is not ours."""

import hashlib
import re
from pathlib import Path

import pytest
from joserfc.errors import BadSignatureError

from gateway.contract.clock import clock_elements
from gateway.contract.record import Element
from gateway.kiosk import records
from gateway.kiosk.events import Deposit, Refused, Weight

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


def told(*packs: list[Element]) -> set[str]:
    """The names of all that is said in these packs."""
    return {one.n for pack in packs for one in pack}


def test_the_table_of_a_recycling_point_names_all_that_it_says():
    weight = Weight(1, 2, 1, "yes", "B4", "0017", b"S")
    weighed = Deposit("glass", "t", "vv", 1, None, weight, 3, "blue", 1, by_operator=True)
    counted = Deposit("lamps", "", "", None, 3, None, 0)
    made = records.Made("id", "claim", 5_000, 0)
    said = {
        "mk-deposit-v1": told(
            records.deposit(weighed, made, scale="scale"),
            records.deposit(counted, made, scale="scale"),
        ),
        "mk-correction-v1": told(records.correction("id", fraction="", by="member", reason="")),
        "mk-refusal-v1": told(records.refusal(Refused("over", "glass", 1), scale="scale")),
        "mk-container-v1": told(
            records.container("glass", event="emptied", emptying="id", hauled_mg=1)
        ),
        "mk-test-weight-v1": told(
            records.test_weight(1, weight._replace(alibi=""), scale="scale", division_mg=1, at_ms=0)
        ),
    }
    rows = PAGE.partition("### What a recycling point says")[2].partition("\n## ")[0]
    shown: dict[str, set[str]] = {}
    kind = ""
    for row in rows.splitlines():
        kind = (re.findall(r"^\| `(mk-\S+)`", row) or [kind])[0]
        names = set(re.findall(r"`([a-z]+/[a-z-]+)`", row))
        shown |= {kind: shown.get(kind, set()) | names} if names else {}
    assert shown == said


def test_the_page_names_all_that_a_clock_record_says():
    said = told(clock_elements(bound_ms=12, step_ms=3_600_000))
    assert {"clock/bound", "clock/step"} == said
    assert all(f"`{name}`" in PAGE for name in said)
