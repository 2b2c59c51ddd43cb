"""`rehub completion SHELL`: what makes a shell complete rehub's commands, options and the handles in the cache."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from rehub import config
from rehub.cache import list_entries
from rehub.cli import output
from rehub.cli.commands import COMMANDS, Command, command_at
from rehub.cli.exit_codes import DONE
from rehub.cli.parser import Parser
from rehub.cli.parser import configure as configure_command

if TYPE_CHECKING:
    from argparse import Action, Namespace

# Each asks `rehub completion SHELL rehub WORD...` for what may stand in the place of the last word, and offers files
# where the answer is empty. Bash takes URLs apart at their colons, and wants only what follows the last.
_SCRIPTS = {
    "bash": r"""_rehub() {
    local line=${COMP_LINE:0:COMP_POINT} words typed candidate
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    typed=${words[${#words[@]} - 1]}
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("${candidate#"${typed%"${typed##*[:=]}"}"}")
    done < <("${words[0]}" completion bash "${words[@]}" 2>/dev/null)
}
complete -o default -F _rehub rehub""",
    "zsh": r"""_rehub() {
    local -a candidates
    candidates=(${(f)"$("${words[1]}" completion zsh "${(@)words[1,CURRENT]}" 2>/dev/null)"})
    if (( $#candidates )); then compadd -a candidates; else _files; fi
}
compdef _rehub rehub""",
    "fish": r"""function __rehub_candidates
    set -l words (commandline -opc) (commandline -ct)
    set -l candidates (command rehub completion fish $words 2>/dev/null)
    if test (count $candidates) -gt 0
        printf '%s\n' $candidates
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c rehub -f -a '(__rehub_candidates)'""",
}


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = """Prints a script. Put one of these where your shell finds it when it starts:

  ~/.bashrc:                    eval "$(rehub completion bash)"
  ~/.zshrc, after compinit:     eval "$(rehub completion zsh)"
  ~/.config/fish/config.fish:   rehub completion fish | source"""
    parser.add_argument("shell", metavar="SHELL", choices=tuple(_SCRIPTS), help="bash, zsh or fish")
    # The script's own question.
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(arguments: Namespace) -> int:
    """Prints the script, or what it asks for."""
    if not arguments.words:
        output.lines(_SCRIPTS[arguments.shell])
        return DONE
    for candidate in candidates(arguments.words[1:]):
        output.line(candidate)
    return DONE


def candidates(words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last word, which is as far as it has been typed.

    Args:
        words: what has been typed after `rehub`.
    """
    *before, typed = words
    command = command_at(before)
    offered = (
        _names_after(before) if command is None else _arguments_after(command, before[len(command.words) :], typed)
    )
    return [word for word in offered if word.startswith(typed)]


def _names_after(before: Sequence[str]) -> list[str]:
    depth = len(before)
    names = {command.words[depth] for command in COMMANDS if command.words[:depth] == tuple(before)}
    return [*sorted(names), *([] if before else ["--help", "--version", "--verbose", "--quiet"])]


def _arguments_after(command: Command, before: Sequence[str], typed: str) -> Sequence[str]:
    parser = Parser(prog="rehub")
    configure_command(parser, command)
    options = {name: argument for argument in parser.arguments for name in argument.option_strings}
    if typed.startswith("-"):
        return [name for name in options if name.startswith("--")]
    given = 0
    wanting: Action | None = None  # the option whose value comes next
    for word in before:
        if wanting is not None:
            wanting = None
        elif word in options:
            wanting = options[word] if options[word].nargs != 0 else None
        else:
            given += 1
    return _values(wanting or _positional(parser, given))


def _positional(parser: Parser, given: int) -> Action | None:
    """The argument that takes the next word, when so many are given."""
    positional = [argument for argument in parser.arguments if not argument.option_strings]
    if given < len(positional):
        return positional[given]
    return positional[-1] if positional and positional[-1].nargs in ("+", "*") else None


def _values(argument: Action | None) -> Sequence[str]:
    if argument is None:
        return []
    if argument.choices is not None:
        return list(argument.choices)
    return _cached_handles() if argument.metavar == "HANDLE" else []


def _cached_handles() -> list[str]:
    # Those of this machine: nobody who presses Tab waits for a network.
    roots = [root for root in config.cache_dirs() if isinstance(root, Path)]
    return sorted({entry.handle for root in roots for entry in list_entries(root) if entry.handle is not None})
