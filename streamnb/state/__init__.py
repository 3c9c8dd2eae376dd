"""The tables that operators keep between micro-batches."""

from streamnb.state.tables import StateTable

__all__ = ["StateTable"]
