"""Who is who: members, accounts, gateways, meters, cards and scales, folded from signed edits."""
