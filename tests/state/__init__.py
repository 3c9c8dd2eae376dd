"""Tests of operator state."""
