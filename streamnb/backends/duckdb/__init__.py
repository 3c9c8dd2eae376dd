"""Plans as the DuckDB statements of one micro-batch."""
