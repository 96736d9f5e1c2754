"""Which words of a command line are programs: the first, the script for an interpreter, the commands of a shell text.

As far as can be seen without a shell. A word of any other place counts if there is a program of that name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress

_INTERPRETER = re.compile(
    r"(?:.*/)?(?:sh|bash|dash|ksh|zsh|csh|tcsh|python[0-9.]*|perl|ruby|Rscript|env|nice|nohup|exec|source|time|\.)"
)
_SHELL = re.compile(r"(?:.*/)?(?:sh|bash|dash|ksh|zsh)")
_ASSIGNMENT = re.compile(r"\w+=")
_BETWEEN_COMMANDS = re.compile(r"[;&|(){}!]+|then|do|else|elif|if|while|until")
_REDIRECTION = re.compile(r"[<>&|]*[<>][<>&|]*")
_TEXT_OPTION = re.compile(r"-[a-z]*c")
_SIGNS = re.compile(r"[\s;|&()<>`\"'=]+")


def program_words(argv: Sequence[str]) -> list[tuple[str, bool]]:
    """The words of a command line that may be programs, and whether they are at a place where one stands.

    >>> program_words(["/bin/sh", "-e", "hook.sh", "a", "b"])
    [('/bin/sh', True), ('hook.sh', True), ('a', True), ('b', False)]
    >>> program_words(["/bin/sh", "-c", "cd x && ./hook.sh >out"])[:4]
    [('/bin/sh', True), ('x', False), ('./hook.sh', True), ('cd', False)]
    """
    return list(_of_command(list(argv)))


def _of_command(words: list[str]) -> Iterator[tuple[str, bool]]:
    # How many words may still be the program, or the script for it; one more where an option may have a value.
    left, has_options, is_shell = 1, False, False
    for number, word in enumerate(words):
        if not left:
            yield word, False
        elif number and word.startswith("-"):
            if is_shell and _TEXT_OPTION.fullmatch(word):
                yield from _of_text(" ".join(words[number + 1 : number + 2]))
                left = 0
            elif not has_options:
                left, has_options = left + 1, True
        elif not number or not (word.isdigit() or _ASSIGNMENT.match(word)):
            left -= 1
            if number or "/" in word:  # else it is looked up in PATH
                yield word, True
            if _INTERPRETER.fullmatch(word):
                left, has_options, is_shell = 1, False, _SHELL.fullmatch(word) is not None


def _of_text(text: str) -> Iterator[tuple[str, bool]]:
    """What a text for a shell runs, and all words in it, whatever quotes them."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    command: list[str] = []
    is_file = False
    with suppress(ValueError):
        for token in lexer:
            if _REDIRECTION.fullmatch(token):
                is_file = True
            elif _BETWEEN_COMMANDS.fullmatch(token):
                yield from _of_command(command)
                command = []
            elif not is_file and (command or not _ASSIGNMENT.match(token)):
                command.append(token)
            else:
                is_file = False
        yield from _of_command(command)
    yield from ((word, False) for word in _SIGNS.split(text) if word)
