"""An Eastron SDM120: one phase, both ways.

Spec: Eastron SDM120-Modbus protocol V2.5: input registers, at most 40 values a question.
"""

from firmware_sim import eastron
from firmware_sim.modbus import Meter

TABLE = {**eastron.ONE_PHASE, **eastron.COUNTERS, **eastron.REACTIVE, **eastron.SUM}

USUAL = Meter(eastron.cells(TABLE, 18_051_234), most=80, holes=True)

SIMULATOR = eastron.simulator({"as delivered": USUAL}, {})
