"""Tests of streamnb; the folders mirror the package."""
