"""The measured map: what each setting gives away beside how well it is searched."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from engine.attacks.measured_map import STATISTICS, Point, network_rows, pareto_front, points, recommend
from pages.components.kit.charts import draw
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row, markdown_table, with_interval
from pages.components.kit.results import missing, result
from pages.components.kit.schemes import SCHEMES
from pages.components.kit.take import show_table
from pages.components.visit.links import choose, linked

TASKS = {"covidx-open": "Chest X-rays", "anatomy": "Bone, brain, chest"}
GOAL_TITLES = {"picture": "The picture", "kind": "Its kind", "anything": "Anything"}
GOAL_AXES = {
    "picture": "Picture recognised or opened (0 chance, 1 always)",
    "kind": "Kind learned (0 chance, 1 always)",
    "anything": "Best attack of all (0 chance, 1 always)",
}
ATTACKS = {
    "kind": "guesses the kind from one sealed picture and public ones",
    "labelled": "labels a picture from the owner's labelled, sealed ones",
    "confirm": "finds the picture in a list of candidates",
    "opened": "opens it, knowing four others (similarity)",
}
POLICIES = {"shared": "one key for all", "fresh": "a key for each"}
HOME = "covidx-open"
COMMAND = "python -m engine attack map --save"
# From here on nearly everything is given away.
CROWDED = 0.94
PICKED, CHART = "map_setting", "chart_map"
LIST = "map_setting_list"
CODES = {
    "plain": "plain codes",
    "masked": "masked codes",
    "private": "masked codes, private question",
    "encrypted": "encrypted codes, private question",
}
_MARKS = {"codes": "star", "sealed": "square", "shared": "circle", "fresh": "diamond"}
_AIM = {"text": "\u25e4 best", "x": -0.05, "y": 1, "xanchor": "left", "yanchor": "middle", "showarrow": False}
_GROUPS = {
    "codes": "Sealed, searched by codes",
    "sealed": "Sealed, not searched",
    "shared": "Scrambled, one key for all",
    "fresh": "Scrambled, a key for each",
}


def measured_points(task: str) -> list[Point] | None:
    """Return the settings measured on a task, or None where nobody has measured them."""
    attacks = result("attacks")
    if attacks is None or task not in TASKS:
        return None
    searched = result("encrypted_search") if task == "anatomy" else None
    return points(attacks, task, network_rows(searched) if searched else ())


def recommended(measured: Sequence[Point]) -> Point:
    """Return, among the settings of any task, the one that the map of ``HOME`` favours: what this vault is for.

    Raises:
        StopIteration: it was not measured on this task.
    """
    favoured = name(recommend(measured_points(HOME) or measured))
    return next(point for point in measured if name(point) == favoured)


def name(point: Point) -> str:
    """Say which setting a point is, in a few words."""
    if point.policy is None:
        searched = CODES[point.codes] if point.codes else "not searched"
        return f"{SCHEMES[point.scheme].title}, {searched}"
    by_network = "" if point.searcher == STATISTICS else f", {point.searcher}"
    masks = f"masks 0-{point.substitution}" if point.substitution else "no masks"
    return f"Multi-stage, block {point.block_size}, {masks}, {POLICIES[point.policy]}{by_network}"


def group(point: Point) -> str:
    """Return the group of a point, a key of the legend."""
    return ("codes" if point.codes else "sealed") if point.policy is None else point.policy


def paper_b_claim(task: str) -> float | None:
    """Return the accuracy that paper B reports of the setting it recommends, on the task it reports."""
    paper = result("paper_b")
    return paper["table8_vgg16_block8"]["percentile"]["accuracy"] if paper and task == "anatomy" else None


def draw_map(
    measured: Sequence[Point],
    goal: str,
    chosen: Point,
    *,
    claim: float | None = None,
    height: int = 480,
    pick: bool = True,
) -> None:
    """Draw every setting, the front that nothing beats, the recommendation and paper B's.

    Args:
        measured: Of one task.
        goal: Of the attacks, a key of ``GOALS``.
        chosen: The point to ring.
        claim: What paper B says that its setting finds (:func:`paper_b_claim`).
        height: Pixels.
        pick: Whether a visitor's click chooses a point (kept in the link as ``PICKED``).
    """
    import plotly.graph_objects as go

    figure, best = go.Figure(), recommended(measured)
    figure.add_trace(_front_line(measured, goal))
    for key in _GROUPS:
        figure.add_trace(_dots([point for point in measured if group(point) == key], key, goal))
    for points_, title, symbol, size in (
        ([point for point in measured if point.recommended_by_paper_b], "Paper B recommends", "diamond-open", 17),
        ([best], "The map recommends", "star-open", 26),
        ([chosen], "Shown beside", "circle-open", 24),
    ):
        figure.add_trace(_ring(points_, goal, title, symbol, size))
    if goal != "picture":
        # Last, so that every group keeps its colour in all views.
        figure.add_trace(_diagonal(measured[0].chance))
    figure.add_annotation(_AIM)
    if claim:
        note = f"paper B reports {claim:.1%}:<br>block 8, 99 % percentile"
        figure.add_hline(claim, line_dash="dash", line_width=1, line_color="#7f8c95", annotation_text=note)
        figure.layout.annotations[-1].update(x=0.28, xanchor="left", yanchor="bottom", align="left")
    figure.update_xaxes(range=[-0.06, 1.07])
    figure.update_yaxes(range=[0, 1.04])
    _look_into_the_crowd(figure, measured, goal)
    draw(
        figure,
        x=GOAL_AXES[goal],
        y="Right label found (share)",
        alt=describe(measured, goal),
        key=CHART,
        made_by="map",
        height=height,
        hover="closest",
        on_pick=_picked if pick else None,
    )


def _look_into_the_crowd(figure: Any, measured: Sequence[Point], goal: str) -> None:
    """Draw the settings that give nearly all away once more, larger, where nothing else is: most lie on one spot."""
    crowd = [point for point in measured if point.leakage(goal) > CROWDED]
    if len(crowd) <= len(measured) / 2:
        return
    for key in _GROUPS:
        dots = _dots([point for point in crowd if group(point) == key], key, goal)
        figure.add_trace(dots.update(xaxis="x2", yaxis="y2", showlegend=False))
    found, room = [point.found[0] for point in crowd], 0.02
    line = {"showline": True, "mirror": True, "linecolor": "#7f8c95", "fixedrange": True, "nticks": 4}
    across = {"range": [CROWDED - 0.005, 1.005], "domain": [0.2, 0.68], "anchor": "y2"}
    down = {"range": [min(found) - room, max(found) + room], "domain": [0.1, 0.42], "anchor": "x2"}
    figure.update_layout(xaxis2=across | line, yaxis2=down | line)
    text = f"{len(crowd)} of {len(measured)}, enlarged"
    figure.add_annotation(
        text=text, x=0, y=1, xref="x2 domain", yref="y2 domain", showarrow=False, yanchor="bottom", yshift=6
    )


def describe(measured: Sequence[Point], goal: str) -> str:
    """Say in words what the map shows."""
    front = _front(measured, goal)
    words = "; ".join(f"{name(p)}: leaks {p.leakage(goal):.2f}, finds {p.found[0]:.2f}" for p in front)
    return f"{len(measured)} settings. Recommended: {name(recommended(measured))}. Beaten by none: {words}."


def _front(measured: Sequence[Point], goal: str) -> list[Point]:
    import numpy as np

    leaks, found = (np.array(v) for v in zip(*((p.leakage(goal), p.found[0]) for p in measured), strict=True))
    kept = [point for point, on_front in zip(measured, pareto_front(leaks, found), strict=True) if on_front]
    return sorted(kept, key=lambda point: (point.leakage(goal), point.found[0]))


def _front_line(measured: Sequence[Point], goal: str) -> Any:
    import plotly.graph_objects as go

    front = _front(measured, goal)
    return go.Scatter(
        x=[*(p.leakage(goal) for p in front), 1.05],
        y=[*(p.found[0] for p in front), front[-1].found[0]],
        name="Front: beaten by none",
        mode="lines",
        line={"shape": "hv", "width": 2, "dash": "dot", "color": "rgba(127, 140, 149, 0.9)"},
        hoverinfo="skip",
    )


def _diagonal(chance: float) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[0, 1],
        y=[chance, 1],
        name="Who finds the kind knows it",
        mode="lines",
        line={"width": 1, "color": "rgba(127, 140, 149, 0.6)"},
        hoverinfo="skip",
    )


def _dots(members: Sequence[Point], key: str, goal: str) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[point.leakage(goal) for point in members],
        y=[point.found[0] for point in members],
        name=_GROUPS[key],
        mode="markers",
        marker={"size": 13 if key == "codes" else 10, "symbol": _MARKS[key], "opacity": 0.85},
        customdata=[[name(point), *point.found[1:], point.bytes, point.searcher] for point in members],
        hovertemplate="<b>%{customdata[0]}</b><br>gives away %{x:.3f}<br>finds %{y:.3f} (95 % %{customdata[1]:.3f} to "
        "%{customdata[2]:.3f})<br>by %{customdata[4]}<br>%{customdata[3]:,} bytes<extra></extra>",
    )


def _ring(members: Sequence[Point], goal: str, title: str, symbol: str, size: int) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[point.leakage(goal) for point in members],
        y=[point.found[0] for point in members],
        name=title,
        mode="markers",
        marker={"size": size, "symbol": symbol, "line": {"width": 2}},
        hoverinfo="skip",
    )


def _picked() -> None:
    chosen = st.session_state[CHART].selection.points
    if chosen and chosen[0].get("customdata"):
        choose(PICKED, chosen[0]["customdata"][0])


def dials() -> tuple[str, str]:
    """Draw the selectors of the map: task and goal of the attacks."""
    with st.container(border=True, gap="small"):
        return (
            one_of("Pictures", TASKS, "map_task", default=HOME, width="stretch"),
            one_of("What must not get out", GOAL_TITLES, "map_goal", width="stretch"),
        )


def choose_point(measured: Sequence[Point]) -> Point:
    """Draw the list of settings and return the chosen one, at first the recommended."""
    by_name = {name(point): point for point in measured}
    best = name(recommended(measured))
    setting = linked(PICKED, best)
    # The link may be another's, of other pictures: then the recommended one is shown.
    st.session_state[LIST] = setting if setting in by_name else best
    return by_name[
        st.selectbox(
            "Setting (or click a point)",
            list(by_name),
            key=LIST,
            on_change=lambda: choose(PICKED, st.session_state[LIST]),
        )
    ]


def point_card(point: Point) -> None:
    """Show what was measured of one setting, and the way to try it."""
    found, interval = with_interval(point.found)
    figure_row(
        [
            Figure("Finds", found, interval, f"Share of test pictures with the right label, by {point.searcher}."),
            Figure("Leaves (bytes)", f"{point.bytes:,}", how="All that leaves for one picture."),
            Figure("Takes (ms)", f"{point.milliseconds:.3g}", how="Processor time of the owner for one picture."),
            *_search_costs(point),
        ],
        min_width=130,
    )
    show_table(attack_table(point), key="setting", made_by="map")
    st.caption("0 is luck, 1 is always.", help=f"Read from {sources(point)}.")
    st.page_link(
        "pages/encrypt.py",
        label="Try it on the Encrypt page",
        icon=":material/lock:",
        query_params=address(point),
    )


def _search_costs(point: Point) -> list[Figure]:
    """Figures of a private search; none of a plain one, which takes next to nothing."""
    if not point.search_bytes:
        return []
    how = "Processor time of both sides, and bytes both ways, for one search of all pictures of this task."
    sent, seconds = f"{point.search_bytes / 2**20:.1f} MiB a search", f"{point.search_seconds:.2f} s"
    return [Figure("A search takes", seconds, sent, how)]


def attack_table(point: Point) -> str:
    """Return a Markdown table of the advantage of every attack on a setting."""
    rows = [[sentence, f"{point.advantages[attack]:.2f}"] for attack, sentence in ATTACKS.items()]
    return markdown_table(("The best attacker that", "Above luck"), rows)


def sources(point: Point) -> str:
    """Say in which result files a point's figures stand, measured by which code on which pictures."""
    parts = "; ".join(f"`{one.file}`, {one.part} (commit {one.commit})" for one in point.sources)
    return f"{parts}; pictures {', '.join(dict.fromkeys(one.data[:12] for one in point.sources))}"


def address(point: Point) -> dict[str, str]:
    """Return the dials of the Encrypt page that make a setting, as its address holds them."""
    dials_ = {"scheme": SCHEMES[point.scheme].title}
    if point.scheme == "multistage":
        dials_ |= {"block": str(point.block_size), "substitution": str(point.substitution), "policy": str(point.policy)}
    return dials_


def map_missing() -> None:
    """Say how to measure the map."""
    missing("attacks", COMMAND)
