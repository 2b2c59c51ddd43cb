"""The tables of settings and errors, made from the source. mkdocs calls this hook for every page."""

from __future__ import annotations

from typing import Any

from rehub import config, errors


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Insert each table at its comment in the page."""
    return markdown.replace("<!-- table of errors -->", error_table()).replace(
        "<!-- table of settings -->", setting_table()
    )


def error_table() -> str:
    """Return a table of every exception, its built-in bases, and its meaning."""
    lines = ["| error | is also a | meaning |", "|---|---|---|"]
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.HubError) and error is not errors.HubError:
            built_in = ", ".join(f"`{base.__name__}`" for base in error.__bases__ if base is not errors.HubError)
            lines.append(f"| `{error.__name__}` | {built_in} | {' '.join(str(error.__doc__).split())} |")
    return "\n".join(lines)


def setting_table() -> str:
    """Return a table of every setting, with its environment variables."""
    lines = ["| environment variable | meaning | default |", "|---|---|---|"]
    for setting in config.SETTINGS:
        variables = ", ".join(f"`{name}`" for name in setting.variables)
        lines.append(f"| {variables} | {setting.meaning} | {setting.default} |")
    return "\n".join(lines)
