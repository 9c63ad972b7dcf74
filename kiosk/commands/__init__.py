"""The command line, a file a group of commands. Heavy libraries are imported by the command that needs them."""

import typer

EXIT_REFUSED, EXIT_USAGE, EXIT_MISSING, EXIT_DAMAGED, EXIT_DIED = 1, 2, 3, 4, 70


def ended(sentence: str, code: int) -> typer.Exit:
    """Say one sentence on stderr; the caller raises what this gives."""
    typer.echo(sentence, err=True)
    return typer.Exit(code)
