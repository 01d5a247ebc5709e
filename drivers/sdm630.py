"""Eastron SDM630: a meter for three phases, both ways, on Modbus.

Spec: Eastron SDM630-Modbus protocol V1.8, §1.2 (input registers), at most 80 registers a question.
"""

from drivers.reading import Reading
from drivers.sdk import Device, Example, Line
from drivers.wire import eastron, modbus_device
from drivers.wire.modbus import INPUT
from drivers.wire.modbus_master import Block
from drivers.wire.registermap import Map, Value

_MAP = Map(
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
        Value(0x004C, "1-0:3.8.0", "kvarh"),
        Value(0x004E, "1-0:4.8.0", "kvarh"),
        Value(0x0156, "1-0:15.8.0", "kWh"),
        Value(0x015A, "1-0:21.8.0", "kWh"),
        Value(0x015C, "1-0:41.8.0", "kWh"),
        Value(0x015E, "1-0:61.8.0", "kWh"),
        Value(0x0160, "1-0:22.8.0", "kWh"),
        Value(0x0162, "1-0:42.8.0", "kWh"),
        Value(0x0164, "1-0:62.8.0", "kWh"),
    ),
    # Of different sizes, so that a late answer to one is none to the other.
    (Block(INPUT, 0x0000, 80), Block(INPUT, 0x0156, 16)),
    eastron.NUMBER,
)

DEVICE = Device(
    name="sdm630",
    title="Eastron SDM630, three phases",
    line=Line(9600),
    wiring=eastron.WIRING,
    registers=modbus_device.registers(_MAP),
    examples=(
        Example(
            "a house with sun on phase 1, asked by another master",
            bytes.fromhex(
                "0103fc000002f45b01030401330f400fc0010400000050f0360104a0"
                "4366199a436766664365cccd404d70a43ee147ae4140cccdc432cccd42c4999a452c399a4438a666"
                "42cb999a452d119ac3388000c1d33333c387999abf77ced93f774bc73f7eb8520000000000000000"
                "0000000043666ed90000000040a774bc417b3333000000004505ab33000000004561980000000000"
                "c3f10ccd3f79999a00000000414b3333000000004247eb854640e6b6458708b8449a5000440df906"
                "7e6d010401560010102a0104"
                "204682358944e14c83457a0400458024004584a76d44af005244bb80a444b1a1ecb793"
            ),
            tuple(
                Reading(register, value, unit, None, "20123456")
                for register, value, unit in (
                    ("0-0:96.1.0", "20123456", ""),
                    ("1-0:32.7.0", 230_100, "mV"),
                    ("1-0:52.7.0", 231_400, "mV"),
                    ("1-0:72.7.0", 229_800, "mV"),
                    ("1-0:31.7.0", 3_210, "mA"),
                    ("1-0:51.7.0", 440, "mA"),
                    ("1-0:71.7.0", 12_050, "mA"),
                    ("1-0:36.7.0", -715_200, "mW"),
                    ("1-0:56.7.0", 98_300, "mW"),
                    ("1-0:76.7.0", 2_755_600, "mW"),
                    ("1-0:29.7.0", 738_600, "mVA"),
                    ("1-0:49.7.0", 101_800, "mVA"),
                    ("1-0:69.7.0", 2_769_100, "mVA"),
                    ("reactive-power-signed.l1", -184_500, "mvar"),
                    ("reactive-power-signed.l2", -26_400, "mvar"),
                    ("reactive-power-signed.l3", -271_200, "mvar"),
                    ("1-0:33.7.0", "-0.968", ""),
                    ("1-0:53.7.0", "0.966", ""),
                    ("1-0:73.7.0", "0.995", ""),
                    ("1-0:16.7.0", 2_138_700, "mW"),
                    ("1-0:9.7.0", 3_609_500, "mVA"),
                    ("reactive-power-signed", -482_100, "mvar"),
                    ("1-0:13.7.0", "0.975", ""),
                    ("1-0:14.7.0", 49_980, "mHz"),
                    ("1-0:1.8.0", 12_345_677_734, "mWh"),
                    ("1-0:2.8.0", 4_321_089_844, "mWh"),
                    ("1-0:3.8.0", 1_234_500_000, "mvarh"),
                    ("1-0:4.8.0", 567_890_991, "mvarh"),
                    ("1-0:15.8.0", 16_666_767_578, "mWh"),
                    ("1-0:21.8.0", 4_000_250_000, "mWh"),
                    ("1-0:41.8.0", 4_100_500_000, "mWh"),
                    ("1-0:61.8.0", 4_244_928_223, "mWh"),
                    ("1-0:22.8.0", 1_400_010_010, "mWh"),
                    ("1-0:42.8.0", 1_500_020_020, "mWh"),
                    ("1-0:62.8.0", 1_421_060_059, "mWh"),
                )
            ),
        ),
        Example(
            "all but the phases, with the total first",
            bytes.fromhex(
                "010400340018b1ce0104304505ab33000000004561980000000000c3f10ccd3f79999a0000000000"
                "000000000000004247eb854640e6b6458708b81eef010401560016902801042c4682358900000000"
                "457a0400458024004584a76d44af005244bb80a444b1a1ec000000000000000000000000a95f"
            ),
            (
                Reading("1-0:16.7.0", 2_138_700, "mW"),
                Reading("1-0:9.7.0", 3_609_500, "mVA"),
                Reading("reactive-power-signed", -482_100, "mvar"),
                Reading("1-0:13.7.0", "0.975"),
                Reading("1-0:14.7.0", 49_980, "mHz"),
                Reading("1-0:1.8.0", 12_345_677_734, "mWh"),
                Reading("1-0:2.8.0", 4_321_089_844, "mWh"),
                Reading("1-0:15.8.0", 16_666_767_578, "mWh"),
                Reading("1-0:21.8.0", 4_000_250_000, "mWh"),
                Reading("1-0:41.8.0", 4_100_500_000, "mWh"),
                Reading("1-0:61.8.0", 4_244_928_223, "mWh"),
                Reading("1-0:22.8.0", 1_400_010_010, "mWh"),
                Reading("1-0:42.8.0", 1_500_020_020, "mWh"),
                Reading("1-0:62.8.0", 1_421_060_059, "mWh"),
            ),
        ),
    ),
    recognise=eastron.recogniser(_MAP),
    open=eastron.opener(_MAP),
    polled=True,
    checksum_bits=16,
    settings=modbus_device.SETTINGS,
    quirks=(*eastron.QUIRKS, *modbus_device.QUIRKS),
)
