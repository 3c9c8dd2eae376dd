"""The words of the language as the page's highlighting knows them: what ``make docs`` writes into words.json."""

from __future__ import annotations

import json
import sys

from streamnb.functions.registry import default_registry
from streamnb.plan.types import TYPE_WORDS
from streamnb.sql.lalr import grammar
from streamnb.sql.tokens import RESERVED

__all__ = ["language_words"]


def language_words() -> str:
    """Return lists of words in capitals as a JSON object: keywords, those that can be names too, types, functions."""
    registry = default_registry()
    functions = {*registry.names(), *registry.aggregate_names(), *registry.table_names()}
    types = set(TYPE_WORDS)
    keywords = grammar().keywords - types
    lists = {"keywords": keywords, "names": keywords - set(RESERVED), "types": types, "functions": functions}
    return json.dumps({name: sorted(words) for name, words in lists.items()}, indent=1) + "\n"


def main() -> None:
    """Print the words."""
    sys.stdout.write(language_words())


if __name__ == "__main__":
    main()
