"""What the evidence says, and how much of it is believed: counters, deposits, their times."""
