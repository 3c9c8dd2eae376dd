"""SET, UNSET, ALTER SYSTEM, DEFINE, UNDEFINE: what the statements that follow find."""

from __future__ import annotations

from streamnb.catalog import closest
from streamnb.config import check_setting, find_setting
from streamnb.errors import KsqlError, StreamnbError
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline, Session

__all__ = ["alter_system", "change_session"]


def change_session(session: Session, statement: ast.Statement) -> str:
    """Change the session. Raises: KsqlError for a setting or a variable that there is not."""
    if isinstance(statement, ast.SetProperty):
        name, value = _checked(statement)
        session.properties[name] = value
        return f"Successfully changed local property '{statement.name}' to '{statement.value}'."
    if isinstance(statement, ast.UnsetProperty):
        return _unset(session, statement)
    if isinstance(statement, ast.Define):
        session.variables[statement.name] = statement.value
        return f"{statement.name} = {statement.value}"
    assert isinstance(statement, ast.Undefine)
    if session.variables.pop(statement.name, None) is None:
        near = closest(statement.name, session.variables)
        raise KsqlError(
            f"Session variable '{statement.name}' is not defined.",
            summary=f"variable {statement.name} is not defined",
            hint=f"did you mean {near}?" if near else "SHOW VARIABLES; lists those that are.",
            span=statement.at,
        )
    return f"{statement.name} undefined"


def _checked(statement: ast.SetProperty | ast.AlterSystem) -> tuple[str, str]:
    try:
        return check_setting(statement.name, statement.value)
    except StreamnbError as error:
        error.span = statement.at
        raise


def _unset(session: Session, statement: ast.UnsetProperty) -> str:
    try:
        setting = find_setting(statement.name)
    except StreamnbError as error:
        error.span = statement.at
        raise
    name = setting.name if setting else statement.name
    old = session.properties.pop(name, None)
    if name in session.given:
        session.properties[name] = session.given[name]
    return f"Successfully unset local property '{statement.name}' (value was '{old}')."


def alter_system(pipeline: Pipeline, statement: ast.AlterSystem, *, replay: bool) -> str:
    """Change a setting for good: for this session, and for those that open the pipeline later.

    What the session itself was connected with goes before what is stored. Raises: KsqlStatementError.
    """
    name, value = _checked(statement)
    session = pipeline.session
    pipeline.system[name] = value
    if not (replay and name in session.given):
        session.given = {**session.given, name: value}
        session.properties[name] = value
    return f"System property '{statement.name}' was set to '{statement.value}'."
