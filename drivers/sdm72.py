"""Eastron SDM72D-M, second and first version: three phases, both ways, on Modbus.

Spec: Eastron SDM72D-M Modbus protocol V2 and SDM72D-M user manual V1.5, part 3: input registers,
at most 60 of them a question. The first version has energy and power of the whole only, and its
"total system power" is both directions added up, so that power is read by direction there.
"""

from collections.abc import Mapping

from drivers.reading import Reading
from drivers.sdk import Device, Example, Line, Session, Setting, whole
from drivers.wire import eastron, modbus_device
from drivers.wire.modbus import INPUT
from drivers.wire.modbus_master import Block
from drivers.wire.registermap import Map, Value

_SECOND = Map(
    (
        Value(0x0000, "1-0:32.7.0", "V"),
        Value(0x0002, "1-0:52.7.0", "V"),
        Value(0x0004, "1-0:72.7.0", "V"),
        Value(0x0006, "1-0:31.7.0", "A"),
        Value(0x0008, "1-0:51.7.0", "A"),
        Value(0x000A, "1-0:71.7.0", "A"),
        Value(0x000C, "1-0:36.7.0", "W"),
        Value(0x000E, "1-0:56.7.0", "W"),
        Value(0x0010, "1-0:76.7.0", "W"),
        Value(0x0012, "1-0:29.7.0", "VA"),
        Value(0x0014, "1-0:49.7.0", "VA"),
        Value(0x0016, "1-0:69.7.0", "VA"),
        Value(0x0018, "reactive-power-signed.l1", "var"),
        Value(0x001A, "reactive-power-signed.l2", "var"),
        Value(0x001C, "reactive-power-signed.l3", "var"),
        Value(0x001E, "1-0:33.7.0", "1"),
        Value(0x0020, "1-0:53.7.0", "1"),
        Value(0x0022, "1-0:73.7.0", "1"),
        Value(0x0034, "1-0:16.7.0", "W"),
        Value(0x0038, "1-0:9.7.0", "VA"),
        Value(0x003C, "reactive-power-signed", "var"),
        Value(0x003E, "1-0:13.7.0", "1"),
        Value(0x0046, "1-0:14.7.0", "Hz"),
        Value(0x0048, "1-0:1.8.0", "kWh"),
        Value(0x004A, "1-0:2.8.0", "kWh"),
        Value(0x0156, "1-0:15.8.0", "kWh"),
    ),
    (Block(INPUT, 0x0000, 36), Block(INPUT, 0x0034, 24), Block(INPUT, 0x0156, 2)),
    eastron.NUMBER,
)
_FIRST = Map(
    (
        Value(0x0048, "1-0:1.8.0", "kWh"),
        Value(0x004A, "1-0:2.8.0", "kWh"),
        Value(0x0500, "1-0:1.7.0", "W"),
        Value(0x0502, "1-0:2.7.0", "W"),
    ),
    # No other block is as large as that of the counters: an answer to one is none to the other.
    (Block(INPUT, 0x0048, 4), Block(INPUT, 0x0500, 2), Block(INPUT, 0x0502, 2)),
)
_VERSIONS = {2: _SECOND, 1: _FIRST}


def _open(settings: Mapping[str, str]) -> Session:
    version = whole(settings, "version", 1, 2, 2)
    return eastron.opener(_VERSIONS[version])(settings)


DEVICE = Device(
    name="sdm72",
    title="Eastron SDM72D-M, three phases",
    line=Line(9600),
    wiring=eastron.WIRING,
    registers=(
        *modbus_device.registers(_SECOND),
        *(one for one in modbus_device.registers(_FIRST) if one.code[-4:] == ".7.0"),
    ),
    examples=(
        Example(
            "a house with sun on phase 2, asked by another master",
            bytes.fromhex(
                "0103fc000002f45b 0103040151630bc329"
                "010400000024f011 010448436680004365199a4367e6663f03126f3f9a1cac40feb852"
                "42ea6666c387266644e5eccd42ec00004389e66644e6bccd415e6666c25c0000c31acccd"
                "3f7e353fbf7ae1483f7ef9db9a76"
                "010400340018b1ce 01043044d2c99a00000000450bfb3300000000c343e6663f40c49c"
                "00000000000000000000000042480a3d455493a64494dcf614dd"
                "0104015600029027 010404458f8110beff"
            ),
            tuple(
                Reading(register, value, unit, None, "22110987")
                for register, value, unit in (
                    ("0-0:96.1.0", "22110987", ""),
                    ("1-0:32.7.0", 230_500, "mV"),
                    ("1-0:52.7.0", 229_100, "mV"),
                    ("1-0:72.7.0", 231_900, "mV"),
                    ("1-0:31.7.0", 512, "mA"),
                    ("1-0:51.7.0", 1_204, "mA"),
                    ("1-0:71.7.0", 7_960, "mA"),
                    ("1-0:36.7.0", 117_200, "mW"),
                    ("1-0:56.7.0", -270_300, "mW"),
                    ("1-0:76.7.0", 1_839_400, "mW"),
                    ("1-0:29.7.0", 118_000, "mVA"),
                    ("1-0:49.7.0", 275_800, "mVA"),
                    ("1-0:69.7.0", 1_845_900, "mVA"),
                    ("reactive-power-signed.l1", 13_900, "mvar"),
                    ("reactive-power-signed.l2", -55_000, "mvar"),
                    ("reactive-power-signed.l3", -154_800, "mvar"),
                    ("1-0:33.7.0", "0.993", ""),
                    ("1-0:53.7.0", "-0.980", ""),
                    ("1-0:73.7.0", "0.996", ""),
                    ("1-0:16.7.0", 1_686_300, "mW"),
                    ("1-0:9.7.0", 2_239_700, "mVA"),
                    ("reactive-power-signed", -195_900, "mvar"),
                    ("1-0:13.7.0", "0.753", ""),
                    ("1-0:14.7.0", 50_010, "mHz"),
                    ("1-0:1.8.0", 3_401_228_027, "mWh"),
                    ("1-0:2.8.0", 1_190_905_029, "mWh"),
                    ("1-0:15.8.0", 4_592_132_812, "mWh"),
                )
            ),
        ),
        Example(
            "a meter of the first version, after another meter on the same line",
            bytes.fromhex(
                "020400000050f0050204a04366000000000000000000003f051eb8000000000000000042f0000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "000000000000000000000000000000000000000000000000000000000000000000000042c8000000"
                "000000000000000000000088d201040048000471df010408458c2cf641e628f609fe010405000002"
                "710701040445c900003eb6"
            ),
            (
                Reading("1-0:1.8.0", 4_485_620_117, "mWh"),
                Reading("1-0:2.8.0", 28_770_000, "mWh"),
                Reading("1-0:1.7.0", 6_432_000, "mW"),
            ),
            {"version": "1"},
        ),
    ),
    recognise=eastron.recogniser(_SECOND),
    open=_open,
    polled=True,
    checksum_bits=16,
    settings=(
        *modbus_device.SETTINGS,
        Setting("version", "2", "1 for the SDM72D-M without V2 in its name, 2 for the V2"),
    ),
    quirks=(
        "The first version shows no phases, no serial number and no power with a sign.",
        "Its total power is taken and given added up, so 1.7.0 and 2.7.0 are read instead.",
        *eastron.QUIRKS,
        *modbus_device.QUIRKS,
    ),
)
