"""Names that customers and users have."""

from __future__ import annotations

__all__ = ["FIRST_NAMES", "LAST_NAMES"]

FIRST_NAMES = (
    "Ada", "Amir", "Bea", "Carlos", "Dana", "Emeka", "Fatima", "Goran", "Hana", "Ivo", "Joy", "Kofi", "Lena", "Mateo",
    "Neha", "Olu", "Priya", "Quinn", "Rosa", "Sven", "Tomoko", "Uma", "Viktor", "Wen", "Yara",
)  # fmt: skip
LAST_NAMES = (
    "Abara", "Berg", "Castillo", "Diaz", "Ekström", "Fischer", "Gupta", "Haddad", "Ito", "Jensen", "Kowalski", "Lopes",
    "Moreau", "Nakamura", "Okafor", "Petrov", "Quiroga", "Rossi", "Silva", "Tanaka", "Usman", "Vargas", "Weber",
    "Yilmaz", "Zhang",
)  # fmt: skip
