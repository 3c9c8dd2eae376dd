"""Runs test cases in ksqlDB's JSON form: statements, input records, expected output records or an expected error.

Theory of operation: a case gets an engine of its own, in memory, with no thread and a clock that stands at 0. Inputs
are appended to their topics; then each query, in creation order, is fed record by record from the inputs of its
topics, or from what its topics hold when no input names them. Every record goes to partition 0.
"""

from streamnb.testing.cases import Case, load_cases
from streamnb.testing.report import CaseResult, run_case, run_paths

__all__ = ["Case", "CaseResult", "load_cases", "run_case", "run_paths"]
