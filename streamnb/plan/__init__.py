"""Statements to typed logical plans."""
