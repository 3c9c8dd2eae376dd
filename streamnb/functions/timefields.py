"""Scalar functions: timefields."""

from __future__ import annotations

from streamnb.functions.declare import Function

__all__ = ["FUNCTIONS"]

FUNCTIONS: tuple[Function, ...] = ()
