"""The streamnb command."""
