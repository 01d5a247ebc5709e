"""The checks agree with the published check values and with fastcrc, with and without it."""

import importlib.util
import random
import sys

import fastcrc
import pytest

from drivers.wire import crc

CHECK = b"123456789"


@pytest.mark.parametrize("arc", [crc.arc, crc.arc_stdlib])
def test_arc_gives_its_check_value(arc) -> None:
    assert arc(CHECK) == 0xBB3D


@pytest.mark.parametrize("modbus", [crc.modbus, crc.modbus_stdlib])
def test_modbus_gives_its_check_value(modbus) -> None:
    assert modbus(CHECK) == 0x4B37


@pytest.mark.parametrize("x25", [crc.x25, crc.x25_stdlib])
def test_x25_gives_its_check_value(x25) -> None:
    assert x25(CHECK) == 0x906E


@pytest.mark.parametrize("kermit", [crc.kermit, crc.kermit_stdlib])
def test_kermit_gives_its_check_value(kermit) -> None:
    assert kermit(CHECK) == 0x2189


def test_fastcrc_is_chosen_where_it_is_installed() -> None:
    assert crc.arc is fastcrc.crc16.arc
    assert crc.modbus is fastcrc.crc16.modbus
    assert crc.x25 is fastcrc.crc16.ibm_sdlc
    assert crc.kermit is fastcrc.crc16.kermit


@pytest.mark.parametrize("length", [*range(70), 890, 891, 4095, 4096, 16 * 1024])
def test_the_standard_library_agrees_with_fastcrc(length: int) -> None:
    data = random.Random(length).randbytes(length)

    assert crc.arc_stdlib(data) == fastcrc.crc16.arc(data)
    assert crc.modbus_stdlib(data) == fastcrc.crc16.modbus(data)
    assert crc.x25_stdlib(data) == fastcrc.crc16.ibm_sdlc(data)
    assert crc.kermit_stdlib(data) == fastcrc.crc16.kermit(data)


@pytest.mark.parametrize("data", [b"", bytes(900), b"\xff" * 900, b"\x01" + bytes(900)])
def test_the_standard_library_agrees_with_fastcrc_on_bare_bits(data: bytes) -> None:
    assert crc.arc_stdlib(data) == fastcrc.crc16.arc(data)
    assert crc.modbus_stdlib(data) == fastcrc.crc16.modbus(data)
    assert crc.x25_stdlib(data) == fastcrc.crc16.ibm_sdlc(data)
    assert crc.kermit_stdlib(data) == fastcrc.crc16.kermit(data)


def test_without_fastcrc_the_standard_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastcrc", None)
    spec = importlib.util.find_spec("drivers.wire.crc")
    bare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bare)

    assert bare.arc is bare.arc_stdlib
    assert bare.modbus is bare.modbus_stdlib
    assert bare.x25 is bare.x25_stdlib
    assert bare.kermit is bare.kermit_stdlib
