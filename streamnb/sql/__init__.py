"""Text to statements and back: the grammar, its syntax tree, the parser and the printer."""
