"""How this gateway fares, and who is told: alarms, figures."""
