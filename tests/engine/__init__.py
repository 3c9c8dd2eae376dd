"""Tests of streamnb.engine."""
