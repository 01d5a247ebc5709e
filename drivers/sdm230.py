"""Eastron SDM230: a meter for one phase, both ways, on Modbus.

Spec: Eastron SDM230-Modbus protocol V1.2, table of input registers, at most 80 of them a question.
"""

from drivers.reading import Reading
from drivers.sdk import Device, Example, Line
from drivers.wire import eastron, modbus_device

DEVICE = Device(
    name="sdm230",
    title="Eastron SDM230, one phase",
    line=Line(2400),
    wiring=eastron.WIRING,
    registers=modbus_device.registers(eastron.ONE_PHASE),
    examples=(
        Example(
            "a heat pump, asked by another master",
            bytes.fromhex(
                "0103fc000002f45b 01030401231789c453"
                "010400000020f1d2 01044043673333000000000000000041 37ae140000000000000000"
                "45234b3300000000000000004525e333000000000000000043e9a6660000000000000000"
                "3f7be76d50ae"
                "01040046000a91d8 0104144247e148460e81c841407efa447cd000402000003e4c"
                "0104015600029027 010404460eb1e7bb15"
            ),
            tuple(
                Reading(register, value, unit, None, "19077001")
                for register, value, unit in (
                    ("0-0:96.1.0", "19077001", ""),
                    ("1-0:32.7.0", 231_200, "mV"),
                    ("1-0:31.7.0", 11_480, "mA"),
                    ("1-0:36.7.0", 2_612_700, "mW"),
                    ("1-0:29.7.0", 2_654_200, "mVA"),
                    ("reactive-power-signed.l1", 467_300, "mvar"),
                    ("1-0:33.7.0", "0.984", ""),
                    ("1-0:14.7.0", 49_970, "mHz"),
                    ("1-0:1.8.0", 9_120_445_312, "mWh"),
                    ("1-0:2.8.0", 12_031_000, "mWh"),
                    ("1-0:3.8.0", 1_011_250_000, "mvarh"),
                    ("1-0:4.8.0", 2_500_000, "mvarh"),
                    ("1-0:15.8.0", 9_132_475_586, "mWh"),
                )
            ),
        ),
        Example(
            "80 registers at once, with those that mean nothing",
            bytes.fromhex(
                "010400000050f0360104a04367333300000000000000004137ae14000000000000000045234b3300"
                "000000000000004525e333000000000000000043e9a66600000000000000003f7be76d0000000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "000000000000000000000000000000000000000000000000000000000000004247e148460e81c841"
                "407efa447cd000402000002da5"
            ),
            (
                Reading("1-0:32.7.0", 231_200, "mV"),
                Reading("1-0:31.7.0", 11_480, "mA"),
                Reading("1-0:36.7.0", 2_612_700, "mW"),
                Reading("1-0:29.7.0", 2_654_200, "mVA"),
                Reading("reactive-power-signed.l1", 467_300, "mvar"),
                Reading("1-0:33.7.0", "0.984"),
                Reading("1-0:14.7.0", 49_970, "mHz"),
                Reading("1-0:1.8.0", 9_120_445_312, "mWh"),
                Reading("1-0:2.8.0", 12_031_000, "mWh"),
                Reading("1-0:3.8.0", 1_011_250_000, "mvarh"),
                Reading("1-0:4.8.0", 2_500_000, "mvarh"),
            ),
        ),
    ),
    recognise=eastron.recogniser(eastron.ONE_PHASE),
    open=eastron.opener(eastron.ONE_PHASE),
    polled=True,
    checksum_bits=16,
    settings=modbus_device.SETTINGS,
    quirks=(
        "Some leave the factory at 9600 baud: the display tells, the button sets another.",
        *eastron.QUIRKS,
        *modbus_device.QUIRKS,
    ),
)
