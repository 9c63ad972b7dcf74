"""What other users of a machine can reach of a folder that is one user's alone: a sentence for each path, and what to do."""

from itertools import islice
from pathlib import Path

from kiosk.commands.findings import Line

TOLD_MAX = 50
COSTS = "Other users of this machine may read or change it."


def openness(top: Path, shared: Path | None = None) -> list[Line]:
    """`shared`: what lies there is its group's, too."""
    from kiosk.safefile import too_open

    try:
        found = list(islice(too_open(top, shared), TOLD_MAX + 1))
    except OSError as error:
        return [Line("LOW", "access", f"{top} cannot be looked at: {(error.strerror or 'it failed').lower()}.")]
    if not found:
        return [Line("OK", "access", f"No other user can reach what is in {top}.")]
    lines = [Line("LOW", "access", f"{path} {why}.", COSTS, _do(path, why, top, shared)) for path, why in found[:TOLD_MAX]]
    if len(found) > TOLD_MAX:
        lines.append(Line("LOW", "access", f"More paths in {top} are like this.", COSTS, "Mend these, and look again."))
    return lines


def _do(path: Path, why: str, top: Path, shared: Path | None) -> str:
    if why.startswith("belongs"):
        return f"Look who made it, then: chown --reference={top} {path}"
    return f"chmod {'o-rwx' if shared and path.is_relative_to(shared) else 'go-rwx'} {path}"
