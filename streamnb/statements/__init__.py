"""What each statement does to a pipeline, one module per family."""
