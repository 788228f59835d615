"""Privacy lab: which setting to sign for, read off attacks that run, and the attacks themselves."""

import streamlit as st

from pages.components import frame
from pages.components.privacy_lab import attack_cards, privacy_map
from pages.components.privacy_lab import verdicts as privacy_verdicts
from pages.components.privacy_lab.comparators import compared
from pages.components.privacy_lab.defences import defended
from pages.components.privacy_lab.hiding import hidden
from pages.components.privacy_lab.layer_attacks import key_strength, stripped, toy_against_the_tests
from pages.components.privacy_lab.scrambler_attacks import jigsaw_puzzle, looking_only, shared_key
from pages.components.privacy_lab.server_attacks import clusters, inverted
from pages.components.visit.picture import current_picture, picture_picker

PARTS = {
    "One key for all": (
        "Can pictures that somebody knows open the others?",
        "A scrambled archive, one key. A few of its pictures are known: somebody's own case, a public data set.",
        shared_key,
    ),
    "Looking only": (
        "What does a scrambled picture say without any key?",
        "Blocks that were flat stay flat. A fresh key for each picture does not change that.",
        looking_only,
    ),
    "Jigsaw": (
        "Can moved blocks be put together again?",
        "If blocks only change places, their edges still fit.",
        jigsaw_puzzle,
    ),
    "Layers": (
        "Which layer of paper A's scheme carries the secret?",
        "Each layer is attacked alone, then the whole scheme in the same way.",
        stripped,
    ),
    "Table 6": (
        "Do the schemes that paper A compares with hold?",
        "Three published schemes, rebuilt from what is public about them, under one key.",
        compared,
    ),
    "Key strength": (
        "How long would a thief really have to search?",
        "Layer by layer, and how far one changed bit reaches.",
        key_strength,
    ),
    "Toy": (
        "Does passing the tests mean safe?",
        "A cipher with 256 keys, beside AES and paper A's scheme, under the papers' own statistical tests.",
        toy_against_the_tests,
    ),
    "Server": (
        "What does the server learn from the codes it searches?",
        "It follows the rules and keeps its eyes open.",
        lambda _: clusters(),
    ),
    "Hiding": (
        "What does the server see besides codes, and what does hiding it cost?",
        "Sizes, which pictures are fetched, and a mask of which it knows a few pairs.",
        lambda _: hidden(),
    ),
    "Defences": (
        "Do other masks, decoys or coarser answers make codes tell less?",
        "Three ways to pay for silence, each attacked by whoever it is meant for.",
        lambda _: defended(),
    ),
    "Picture from code": (
        "Can a code be turned back into a picture?",
        "An attacker trains decoders on public, here simulated, pictures.",
        lambda _: inverted(),
    ),
}

frame.ensure_frame()
frame.heading("Which setting would you sign for?", privacy_verdicts.answer())


@st.fragment
def map_section() -> None:
    """Draw the map, what to make of it, and the setting a visitor looks at."""
    chart, beside = st.columns([3, 2], gap="medium")
    with beside:
        task, goal = privacy_map.dials()
        measured = privacy_map.measured_points(task)
        if measured is None:
            privacy_map.map_missing()
            return
        chosen = privacy_map.choose_point(measured)
        privacy_map.point_card(chosen)
    with chart:
        privacy_map.draw_map(measured, goal, chosen, claim=privacy_map.paper_b_claim(task))
        st.caption(privacy_verdicts.reading(measured, task))
    verdicts = privacy_verdicts.verdicts(measured)
    for column, (title, sentences) in zip(st.columns(len(verdicts), gap="medium"), verdicts, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(sentences)
    with st.expander("What the words mean, and how it was measured", icon=":material/menu_book:"):
        st.markdown(privacy_verdicts.WORDS)
        st.caption(privacy_verdicts.how(task))


@st.fragment
def attack_sections() -> None:
    """Draw the attack a visitor has opened; the others cost nothing until then."""
    st.header("See for yourself", anchor=False)
    picture = current_picture()
    with st.popover("Attack another picture", icon=":material/image:"):
        picture_picker()
    st.caption(f"{picture.note} Attacked is its middle square, {attack_cards.SIDE} x {attack_cards.SIDE} pixels.")
    tabs = st.tabs(list(PARTS), key="attack", on_change="rerun", bind="query-params")
    for tab, (question, story, draw_part) in zip(tabs, PARTS.values(), strict=True):
        if tab.open:
            with tab:
                st.markdown(f"**{question}** {story}")
                draw_part(attack_cards.victim(picture))


map_section()
attack_sections()
st.caption(
    "Everybody is assumed to know the scheme and its settings; nobody is given a key. Attacks on chosen pictures run "
    f"live, under fresh keys; figures with intervals are stored. `{attack_cards.COMMAND}` makes them, and "
    f"`{privacy_map.COMMAND}` all that the map is drawn from. No attack proves that a scheme is safe: those that "
    "resist, resist what was tried. What is promised and what is not stands in `engine/encryption/README.md`."
)
