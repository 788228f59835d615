"""What to make of the measured map, in words: what to sign for, what not, and the price. All of it is computed."""

from collections.abc import Sequence

from engine.attacks.measured_map import TASKS as STUDIES
from engine.attacks.measured_map import Point, recommend
from pages.components.kit.results import result
from pages.components.kit.schemes import SCHEMES
from pages.components.privacy_lab.privacy_map import HOME, measured_points, name, recommended

QUESTIONS = {"covidx-open": "COVID-19, normal or pneumonia", "anatomy": "bone, brain or chest (paper B's task)"}
MOSTLY_OPEN, NEARLY_EXACT = 0.5, 0.95
WORDS = """
- **Sealed**: encrypted under a key, and with a seal that shows every change. Without the key it is noise.
- **Scrambled**: paper B's multi-stage scheme. A picture is cut into blocks; the blocks change places, so do the pixels
  in each; then masks change the gray levels. *Masks 0-192* means that a mask is one of the numbers 0 to 192.
- **One key for all** or **a key for each**: whether all pictures of the archive share a key.
- **Code**: a few bytes that a network reads off a picture before it is sealed. Pictures that are alike have codes that
  are alike, so codes can be searched. **Masked**: the bits of all codes are moved and flipped under a key. **Private
  question**: the server computes on an encrypted code, and on **encrypted codes** where it holds no others; it still
  sees which pictures are fetched, and whoever has the key learns the distance to every picture.
- **Above luck**: 0 means an attacker does no better than a guess, 1 that it is always right.
"""


def answer() -> str:
    """Say in one sentence what to sign for and why, from the map of ``HOME``."""
    every = "Every setting was attacked on the same pictures; the map shows how well each is searched, and what leaks."
    measured = measured_points(HOME)
    if measured is None:
        return every
    best = recommended(measured)
    opened = "no picture was opened" if not best.advantages["opened"] else "pictures were opened only in part"
    searched = "Pictures are encrypted, and the server compares short codes instead. " if best.codes else ""
    found = f"on chest X-rays the search finds {best.found[0]:.0%} right, and {opened} by any attack here."
    return f"**{name(best)}**: {found} {searched}{every}"


def verdicts(measured: Sequence[Point]) -> list[tuple[str, str]]:
    """Return title and sentences of what to sign for, what not, and the price.

    Args:
        measured: Of one task.
    """
    best = recommended(measured)
    scrambled = [point for point in measured if point.scheme == "multistage"]
    theirs = max((p for p in scrambled if p.recommended_by_paper_b), key=lambda p: p.found[0], default=None)
    sign = (
        f"**{name(best)}.** {_favoured(best, measured)} It finds the right label for {best.found[0]:.0%} of test "
        f"pictures; always naming the commonest is right for {best.chance:.0%}. {worst(best)} {_authentic(best)}"
        f"{_nearer(best, measured)}"
    )
    found = [(":material/verified: Sign for this", sign)]
    if theirs:
        found.append((":material/block: Do not sign for this", _warning(theirs, best)))
    return [*found, (":material/payments: And know the price", _price(best, measured))]


def reading(measured: Sequence[Point], task: str) -> str:
    """Say how to read the map."""
    return (
        f"Question: {QUESTIONS[task]}. Each point is a setting; all {len(measured)} were attacked on the same test "
        "pictures. The star is the setting nearest to the upper left corner on chest X-rays, judged by whether "
        "pictures get out; where two are equally near, the one that takes fewer bytes."
    )


def how(task: str) -> str:
    """Say how the map was measured."""
    found = (result("attacks") or {})[STUDIES[task]]["protocol"]
    codes = " The encoder never learned this task: its codes are no match." if task == "anatomy" else ""
    sentences = (
        f"Pictures: {found['pictures']}.",
        "A scrambled picture is searched as its server can: by its statistics, by labelled scrambled ones"
        + (", or by a network (drawn at masks 0-192; it finds the same under any)." if task == "anatomy" else "."),
        f"A sealed one is searched by its code, a vote of the ten nearest.{codes}",
        f"Above luck: {found['advantage']}. Opened: {found['opened']}.",
    )
    return " ".join(sentences)


def worst(point: Point) -> str:
    """Say in a sentence what the best attack on pictures does to a setting."""
    recognised, opened = point.advantages["confirm"], point.advantages["opened"]
    if max(recognised, opened) == 0:
        return "No attack here recognised or opened a picture more often than luck would."
    if opened < min(recognised, MOSTLY_OPEN):
        return f"The best attack recognises {recognised:.0%} of pictures, if it has the right ones to compare with."
    exact = "all but exactly" if opened > NEARLY_EXACT else f"{opened:.0%} of the way from luck to exact"
    return f"Whoever knows four of its pictures opens the others, {exact}."


def _favoured(best: Point, measured: Sequence[Point]) -> str:
    if best != recommend(measured):
        return "The map of chest X-rays favours it, and they are what this vault is for."
    return f"Of {len(measured)} settings it comes nearest to finding everything and giving no picture away."


def _nearer(best: Point, measured: Sequence[Point]) -> str:
    """Name the setting that this task alone would favour, and what speaks against it."""
    other = recommend(measured)
    if other == best:
        return ""
    return f" On these pictures **{name(other)}** comes nearer: it finds {other.found[0]:.0%}. {worst(other)}"


def _authentic(point: Point) -> str:
    if SCHEMES[point.scheme].container:
        return "Every changed bit is noticed."
    return "A changed picture goes unnoticed: it is scrambled, not sealed."


def _warning(theirs: Point, best: Point) -> str:
    more = theirs.found[0] > best.found[2]
    return (
        f"**{name(theirs)}**, one of those that paper B recommends. It finds {'more' if more else 'no more'} "
        f"({theirs.found[0]:.0%}). {worst(theirs)} {_authentic(theirs)}"
    )


def _price(best: Point, measured: Sequence[Point]) -> str:
    alike = [point for point in measured if point.found[0] >= best.found[1]]
    least = min(alike, key=lambda point: point.leakage("kind"))
    return (
        f"Whoever can find similar pictures learns which ones are similar. Here the server can tell the "
        f"kind of {_told(best):.0%} of pictures; a guess is right for {best.chance:.0%}. No setting that finds as well "
        f"tells it less than {_told(least):.0%}."
    )


def _told(point: Point) -> float:
    """Share of pictures whose kind the server can tell."""
    return point.chance + point.leakage("kind") * (1 - point.chance)
