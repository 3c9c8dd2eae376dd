"""The tables that operators keep between micro-batches."""

from streamnb.state.tables import HASH_TYPE, StateTable, key_hash

__all__ = ["HASH_TYPE", "StateTable", "key_hash"]
