"""Runs queries over a log, one transaction a tick."""
