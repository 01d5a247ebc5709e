"""An Eastron SDM72D-M of the second version, and one of the first.

Spec: Eastron SDM72D-M Modbus protocol V2; SDM72D-M user manual V1.5, part 3: input registers, at
most 30 values a question.
"""

from firmware_sim import eastron, modbus

TABLE = {**eastron.THREE_PHASES, **eastron.COUNTERS, **eastron.SUM}
# The first version counts what the second does, and has power by direction.
FIRST = {
    0x0048: ("1-0:1.8.0", 6),
    0x004A: ("1-0:2.8.0", 6),
    0x0500: ("1-0:1.7.0", 3),
    0x0502: ("1-0:2.7.0", 3),
}

SIMULATOR = eastron.simulator(
    {
        "as delivered": modbus.Meter(eastron.cells(TABLE, 22_110_987), most=60, holes=True),
        "first version": modbus.Meter(eastron.cells(FIRST, None), most=60),
    },
    {"first version": {"version": "1"}},
)
