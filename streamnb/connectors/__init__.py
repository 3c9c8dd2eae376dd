"""Sources and sinks: connectors that bring records to topics and take them away, one file per system."""

__all__: list[str] = []
