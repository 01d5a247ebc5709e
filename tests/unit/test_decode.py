"""`meterkast decode`: a capture to lines."""

import io
import json
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from drivers import p1
from gateway.contract.errors import Unreachable, UsageError
from gateway.tools.decode import decode

OLD = b"/MKT5\\OLD\r\n\r\n1-0:1.8.1(00420.001*kWh)\r\n!\r\n"


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_capture_is_told_as_one_object_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "belgium"
    file.write_bytes(p1.DEVICE.examples[1].stream)

    assert decode("p1", str(file), as_json=True) == 0
    lines = _lines(capsys)
    assert lines[3] == {
        "register": "1-0:1.6.0",
        "value": 4329000,
        "unit": "mW",
        "at": "2026-01-09T16:15:00Z",
        "serial": "",
    }
    assert lines[4] == {
        "register": "0-0:98.1.0",
        "value": 3695000,
        "unit": "mW",
        "at": "2025-11-18T17:00:00Z",
        "serial": "",
        "until": "2025-11-30T23:00:00Z",
    }
    assert lines[-1] == {"messages": 1, "faults": 0}


def test_faults_are_told_and_end_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "noisy"
    file.write_bytes(b"\x15\x15" + OLD)

    assert decode("p1", str(file), as_json=True) == 1
    assert _lines(capsys) == [
        {"fault": "noise", "offset": 0, "length": 2, "detail": ""},
        {
            "register": "1-0:1.8.1",
            "value": 420001000,
            "unit": "mWh",
            "at": None,
            "serial": "",
            "doubt": "unchecked",
        },
        {"messages": 1, "faults": 1},
    ]


def test_the_last_telegram_needs_no_line_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cut"
    file.write_bytes(OLD[:-2])

    assert decode("p1", str(file), as_json=True) == 0
    assert _lines(capsys)[-1] == {"messages": 1, "faults": 0}


def test_a_table_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "card"
    file.write_bytes(b"\x020A00F3C2B18A\x03")

    assert decode("rdm6300", str(file)) == 0
    assert capsys.readouterr().out.split() == [
        "card",
        "0A00F3C2B1",
        "1",
        "messages,",
        "0",
        "faults",
    ]


def test_hex_is_read_from_standard_input_with_blanks_anywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"0230413030 46334332\n423138410 3" * 2000))
    monkeypatch.setattr(sys, "stdin", typed)

    assert decode("rdm6300", "-", as_hex=True, as_json=True) == 0
    assert _lines(capsys)[-1] == {"messages": 2000, "faults": 0}


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        (b"02 3x", "error: no hex digit: b'x'\nwhere: {file}, byte 4\ntry:   leave out --hex"),
        (
            b"02 3",
            "error: an odd number of hex digits\nwhere: {file}\n"
            "try:   look whether the capture was cut off",
        ),
    ],
)
def test_wrong_hex_is_wrong_use(tmp_path: Path, typed: bytes, what: str) -> None:
    file = tmp_path / "hex"
    file.write_bytes(typed)

    with pytest.raises(UsageError) as refused:
        decode("p1", str(file), as_hex=True)
    assert str(refused.value) == what.format(file=file)


def test_an_unknown_driver_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UsageError) as refused:
        decode("sunspek", "-")

    assert str(refused.value) == (
        "error: no driver is called 'sunspek'\nwhere: meterkast decode sunspek …\ntry:   sunspec"
    )


def test_a_missing_capture_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="give the path of a capture, or -"):
        decode("p1", "/nowhere/at/all")


def test_a_reader_who_has_seen_enough_gets_no_complaint(tmp_path: Path) -> None:
    capture = tmp_path / "long"
    capture.write_bytes(p1.DEVICE.examples[0].stream * 2000)
    command = [Path(sysconfig.get_path("scripts")) / "meterkast", "decode", "p1", capture]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout
        assert program.stderr
        program.stdout.readline()
        program.stdout.close()
        complained = program.stderr.read()

    assert complained == b""
    assert program.returncode == 128 + signal.SIGPIPE


def test_a_recorded_conversation_of_modbus_tcp_is_read_with_its_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tcp"
    file.write_bytes(
        bytes.fromhex(
            "0007 0000 0006 01 04 0048 0004 0007 0000 000b 01 04 08 3f800000 40000000"
            "0008 0000 0006 01 04 0156 0002 0008 0000 0007 01 04 04 40400000"
        )
    )
    assert decode("sdm630", str(file), settings=("protocol=tcp",), as_json=True) == 0
    *told, end = _lines(capsys)
    assert [(one["register"], one["value"], one["doubt"]) for one in told] == [
        ("1-0:1.8.0", 1_000_000, "unchecked"),
        ("1-0:2.8.0", 2_000_000, "unchecked"),
        ("1-0:15.8.0", 3_000_000, "unchecked"),
    ]
    assert end == {"messages": 2, "faults": 0}


ASKED = (
    b'{"capture":1,"device":"scale","driver":"mtsics","began":"2026-06-21T10:00:00Z"}\n'
    b'{"ms":0,"line":"9600 8N1"}\n'
    b'{"ms":2,"tx":"53490d0a"}\n'  # SI
    b'{"ms":8,"rx":"532053202020202020382e323230"}\n'
    b'{"ms":9,"rx":"206b670d0a"}\n'  # S S      8.220 kg
)
NET = {
    "register": "net", "value": 8220000, "unit": "mg", "at": None, "serial": "",
    "doubt": "unchecked",
}  # fmt: skip


def test_a_device_is_asked_where_the_capture_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scale.capture"
    file.write_bytes(ASKED)
    assert decode("mtsics", str(file), as_json=True) == 0
    assert _lines(capsys) == [NET, {"messages": 1, "faults": 0}]


def test_a_question_that_nobody_answered_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "meter.capture"
    asked = b'{"ms":1,"tx":"1040fe3e16"}\n'  # SND_NKE to address 254
    file.write_bytes(ASKED.splitlines(keepends=True)[0] + 3 * asked)
    assert decode("mbus", str(file), as_json=True) == 1
    assert _lines(capsys) == [
        {"fault": "silent", "offset": 0, "length": 0, "detail": "no answer to 3 questions"},
        {"messages": 0, "faults": 1},
    ]


def test_a_capture_is_decoded_as_it_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ASKED)))
    assert decode("mtsics", "-") == 0
