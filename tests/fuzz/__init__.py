"""Statements that nobody would write: drawn from the grammar, or made from good ones by breaking them."""
