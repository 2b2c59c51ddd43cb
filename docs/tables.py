"""The tables of settings, errors and rules, made from the source. mkdocs calls this hook for every page."""

from __future__ import annotations

from typing import Any

from rehub import config, downgrade, errors
from rehub.migrate.code.rules import RULES


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Insert each table at its comment in the page."""
    tables = {
        "errors": error_table,
        "rewriting rules": rewriting_rule_table,
        "rules": rule_table,
        "settings": setting_table,
    }
    for name, make_table in tables.items():
        markdown = markdown.replace(f"<!-- table of {name} -->", make_table())
    return markdown


def error_table() -> str:
    """Return a table of every exception, its built-in bases, and its meaning."""
    lines = ["| error | is also a | meaning |", "|---|---|---|"]
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.HubError) and error is not errors.HubError:
            built_in = ", ".join(f"`{base.__name__}`" for base in error.__bases__ if base is not errors.HubError)
            lines.append(f"| `{error.__name__}` | {built_in} | {' '.join(str(error.__doc__).split())} |")
    return "\n".join(lines)


def rule_table() -> str:
    """Return a table of every rule of `rehub migrate`."""
    return "\n".join(
        ["| rule | what | kind |", "|---|---|---|", *(f"| {r.code} | {r.title} | {r.kind} |" for r in RULES)]
    )


def rewriting_rule_table() -> str:
    """Return a table of every rule by which ops are rewritten for an older TensorFlow."""
    rows = [f"| {', '.join(f'`{op}`' for op in rule.ops)} | {rule.name} |" for rule in downgrade.all_rules()]
    return "\n".join(["| op | becomes |", "|---|---|", *sorted(rows)])


def setting_table() -> str:
    """Return a table of every setting, with its environment variables."""
    lines = ["| environment variable | meaning | default |", "|---|---|---|"]
    for setting in config.SETTINGS:
        variables = ", ".join(f"`{name}`" for name in setting.variables)
        lines.append(f"| {variables} | {setting.meaning} | {setting.default} |")
    return "\n".join(lines)
