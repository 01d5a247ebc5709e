"""Devices that do not exist: encoders from the specifications, line faults, a village with a true answer."""
