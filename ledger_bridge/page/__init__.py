"""The hub's page: members, balances and the latest bookings, live; and why each was booked."""
