"""Scalar, aggregate and table functions, each declared once."""
