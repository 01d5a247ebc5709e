"""The community's log: a Merkle tree over salted commitments, under signed tree heads."""
