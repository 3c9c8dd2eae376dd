"""Tests of streamnb.statements."""
