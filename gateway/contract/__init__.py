"""What both ends of the wire agree on: signed lines, records, receipts, topics, keys, clock, link.

The only part of `gateway` that the other packages may import.
"""
