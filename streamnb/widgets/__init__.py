"""Live views of results in the notebook."""
