"""What each claim should have got, and the posting of what it has not got yet."""
