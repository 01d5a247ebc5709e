"""Closing months, and what comes after: late evidence, sealing, leaving, erasing."""
