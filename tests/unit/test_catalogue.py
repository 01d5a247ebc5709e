"""`meterkast drivers`: what can be read, out of the driver files."""

import json

import pytest

from drivers import sdk
from gateway.contract.errors import UsageError
from gateway.tools.catalogue import drivers


def test_every_driver_is_listed_with_its_line_and_its_checksum(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    drivers()
    head, *rows = capsys.readouterr().out.splitlines()
    assert ["name", "line", "speaks", "checksum", "device"] == head.split()
    listed = [row.split()[0] for row in rows if not row.startswith(" ")]
    assert list(sdk.names()) == listed
    told = {row.split()[0]: " ".join(row.split()[1:6]) for row in rows}
    assert "2400 8E1 asked 8 bits" == told["mbus"]
    assert "115200 8N1 by itself 16" == told["p1"]
    assert "9600 8N1 asked none Scale," == told["mtsics"]


def test_the_list_as_json_has_one_object_a_driver(capsys):
    drivers(as_json=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(sdk.names()) == [one["name"] for one in told]
    assert {
        "name": "mtsics",
        "title": "Scale, MT-SICS (Mettler Toledo, KERN and kin)",
        "line": "9600 8N1",
        "speaks": "asked",
        "checksum_bits": 0,
    } in told


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", list(sdk.names()))
def test_what_is_said_of_a_driver_fits_the_terminal(name, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    drivers(name)
    said = capsys.readouterr().out.split("\nexample: ")[0]
    assert [] == [line for line in said.splitlines() if len(line) > columns]
    device = sdk.load(name)
    words = " ".join(said.split())
    meanings = [one.meaning for one in (*device.settings, *device.registers)]
    for text in (device.title, device.wiring, *device.quirks, *meanings):
        assert " ".join(text.split()) in words


def test_an_example_is_shown_with_its_bytes_and_its_readings(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    drivers("mtsics")
    assert (
        "example: a bag comes to rest\n"
        "  | S D     3.412 kg\n"
        "  | S S     3.425 kg\n"
        "  net  3412000  mg  unstable\n"
        "  net  3425000  mg  unchecked\n"
    ) in capsys.readouterr().out


def test_all_of_a_driver_is_told_as_json(capsys):
    drivers("mbus", as_json=True)
    told = json.loads(capsys.readouterr().out)
    device = sdk.load("mbus")
    assert device.wiring == told["wiring"]
    assert ["address", "secondary", "interval", "timeout_ms"] == [
        setting["name"] for setting in told["settings"]
    ]
    assert {"register": "8-0:1.0.0", "unit": "mL", "meaning": "cold water"} in told["registers"]
    example = told["examples"][0]
    assert device.examples[0].stream == bytes.fromhex(example["hex"])
    assert {
        "register": "6-0:10.0.0",
        "value": 70120,
        "unit": "m°C",
        "at": "2026-06-21T10:30:00Z",
        "serial": "40411223",
    } in example["readings"]


@pytest.mark.parametrize(
    ("name", "tries"),
    [("mtsic", "meterkast drivers mtsics"), ("toaster", "meterkast drivers")],
    ids=["near to one", "near to none"],
)
def test_an_unknown_name_is_answered_with_what_to_try(name, tries):
    with pytest.raises(UsageError) as refused:
        drivers(name)
    assert (
        f"error: no driver is called {name!r}\nwhere: meterkast drivers {name}\ntry:   {tries}"
    ) == str(refused.value)
    assert 2 == refused.value.exit_code
