"""A gateway as a Pi has it: arm64, on this machine's processor by emulation. `make pi`."""
