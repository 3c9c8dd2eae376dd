"""The tables operators keep."""
