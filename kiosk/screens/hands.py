"""The hands: keys as on the pad (1 2 3 / 4 5 6 / CLEAR 0 ENTER), or ten digits, or what lies in the tray, or a few plain lines."""

from kiosk.screens.canvas import Piece, Target, fitting, plane, width_of
from kiosk.screens.scene import DIGIT, OPTIONS, PAD, TOUCH, Key, Scene
from kiosk.screens.size import Plan, Size

_KINDS = {"clear": "side", "0": "side", TOUCH: "side", "enter": "enter"}
TILE_COLUMNS = 12


def hands(scene: Scene, size: Size, plan: Plan, *, plain: bool) -> tuple[list[Piece], list[Target]]:
    """Pieces and targets. `plain`: tiles cannot be told from paper by colour."""
    pieces: list[Piece] = []
    targets: list[Target] = []
    for key in scene.keys:
        x, width, y, height = _place(key, size, plan)
        pieces += (digit_pieces if key.do == DIGIT else key_pieces)(key, size, (x, y, width, height))
        targets.append(Target(x, y, width, height, key.cap, key.do, key.arg))
    if plan.options and not scene.has_options:
        top, height = plan.options[0][0], sum(plan.options[-1]) - plan.options[0][0]
        pieces += _tray(scene, size, top, height, plain=plain) if scene.tray or scene.tray_note else _told(scene, size, top, height)
    return pieces, targets


def _place(key: Key, size: Size, plan: Plan) -> tuple[int, int, int, int]:
    """x, width, y, height of a key: always the same place."""
    if key.do == DIGIT:
        row, column = divmod(PAD.index(key.cap), 5)
        return *_digit_columns(size)[column], *plan.options[row]
    if key.cap in OPTIONS:
        row, column = divmod(OPTIONS.index(key.cap), 3)
        return *size.option_columns()[column], *plan.options[row]
    return *size.bottom_columns()[{"clear": 0, "0": 1, TOUCH: 1, "enter": 2}[key.cap]], *plan.bottom


def _digit_columns(size: Size) -> tuple[tuple[int, int], ...]:
    """(x, width) of the five columns of digits."""
    room = size.inner - 4 * size.gap
    edges = [room * step // 5 for step in range(6)]
    return tuple((size.margin + edges[step] + step * size.gap, edges[step + 1] - edges[step]) for step in range(5))


def digit_pieces(key: Key, size: Size, region: tuple[int, int, int, int]) -> list[Piece]:
    """A digit is all badge: in high contrast a key's own plane is as black as paper."""
    x, y, width, height = region
    ground = _block(x, y, width, height, "badge", half=size.half)
    return [*ground, Piece(y + height // 2, x + width // 2, key.cap, ("badge_words", "badge", True))]


def key_pieces(key: Key, size: Size, region: tuple[int, int, int, int]) -> list[Piece]:
    """A plane with its badge at the left end, full height, and the label in the middle row."""
    x, y, width, height = region
    cap = key.name or key.cap
    kind = _KINDS.get(key.cap, "key")
    badge = max(size.badge, width_of(cap) + 2)
    colours = ("badge", "badge_words", "key", "key_words") if kind == "key" else tuple(f"{kind}{part}" for part in _PARTS)
    badge_plane, badge_words, ground, words = colours
    label = fitting(key.labels, width - badge - 2)
    middle = y + height // 2
    pieces = _block(x, y, badge, height, badge_plane, half=size.half) + _block(x + badge, y, width - badge, height, ground, half=size.half)
    pieces.append(Piece(middle, x + (badge - width_of(cap)) // 2, cap, (badge_words, badge_plane, True)))
    air = int(badge + width_of(label) < width)  # a long word stands against the badge rather than over the edge
    pieces.append(Piece(middle, x + badge + air, label, (words, ground, True)))
    return pieces


_PARTS = ("_badge", "_badge_words", "", "_words")


def _block(x: int, y: int, width: int, height: int, token: str, *, half: bool) -> list[Piece]:
    """A key's plane; at S its first and last row are half rows."""
    if not half:
        return plane(y, x, width, height, token)
    halves = "▄" * width
    foot = Piece(y + height - 1, x, halves, ("paper", token, False))
    return [Piece(y, x, halves, (token, "paper", False)), *plane(y + 1, x, width, height - 2, token), foot]


def _tray(scene: Scene, size: Size, top: int, height: int, *, plain: bool) -> list[Piece]:
    """The last notes and coins, newest first, and what comes next."""
    pieces: list[Piece] = []
    x, middle = size.margin, top + height // 2
    end = size.columns - size.margin - width_of(scene.tray_note) - size.gap
    for tile in scene.tray:
        text = f"{tile.amount} {tile.note}".strip()
        text = f"( {text} )" if plain else text
        width = max(TILE_COLUMNS, width_of(text) + 2)
        if x + width > end:
            break
        ground = "paper" if plain else "tile"
        pieces += [] if plain else _block(x, top, width, height, "tile", half=size.half)
        pieces.append(Piece(middle, x + (width - width_of(text)) // 2, text, ("ink", ground, True)))
        x += width + size.gap
    if scene.tray_note:
        pieces.append(Piece(middle, x + (1 if scene.tray else 0), scene.tray_note, ("muted", "paper", not plain)))
    return pieces


def _told(scene: Scene, size: Size, top: int, height: int) -> list[Piece]:
    """At most three plain lines, in the middle of the space."""
    lines = scene.told[:3]
    y = top + (height - len(lines) + 1) // 2  # rather a row lower: above it is the money line
    return [Piece(y + row, size.margin, text, ("ink", "paper", False)) for row, text in enumerate(lines)]
