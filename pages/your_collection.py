"""Your collection: a visitor's own X-rays, sealed for this visit, to search and to take along."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import streamlit as st

from engine.errors import VaultError
from engine.imaging import PUBLIC
from engine.imaging.archive import MAX_ENTRIES, MAX_TOTAL_BYTES
from engine.retrieval import Picture, Record
from pages.components import frame
from pages.components.kit import show
from pages.components.kit.downloads import Download, downloads
from pages.components.kit.metrics import Figure, figure_row
from pages.components.kit.schemes import look_of
from pages.components.kit.thumbnails import Thumbnail, thumbnails
from pages.components.kit.words import NOTICE, counted, label_title
from pages.components.visit import collection
from pages.components.visit import gallery as galleries
from pages.components.visit.collection import Collection, Intake
from pages.components.visit.picture import clear_own_data
from pages.components.visit.uploads import drop_file

PREVIEWS = 24
NOISE_SIDE = 96
PROBLEMS = 12
EXAMPLES = 12
STORE, KEY = "my-collection.db", "my-collection.key"
_ROUND = "_collection_round"
_TRY, _LEAVE = "_collection_try", "_collection_leave"
_CHOSEN, _SAVED = "_collection_chosen", "_collection_saved"
# What systems put into folders by themselves.
_SYSTEM_FILES = {"thumbs.db", ".ds_store", "desktop.ini"}

frame.ensure_frame()
frame.heading(
    "Can your own X-rays be searched without showing them?",
    "Upload several, or a ZIP. Each is encoded and sealed under a key made for this visit; a server that cannot read "
    "them finds the similar ones.",
)


def bring() -> None:
    """Draw the uploader, what it takes, and what becomes of it."""
    with st.container(border=True, gap="small"):
        files = st.file_uploader(
            f"Chest X-rays: PNG, JPEG, DICOM or ZIP, up to {PUBLIC.bytes // 2**20} MB each",
            type=["png", "jpg", "jpeg", "dcm", "dicom", "zip"],
            accept_multiple_files=True,
            key=f"collection_upload_{st.session_state.setdefault(_ROUND, 0)}",
        )
        st.warning(f"{NOTICE} Names inside the picture are not removed.", icon=":material/shield:")
        if files:
            taken, left_out = collection.read_uploads(files)
            seal(partial(collection.take_in, taken), left_out)
        st.button("Try it with ready X-rays", icon=":material/science:", on_click=ask_for, args=(_TRY,))
        if st.session_state.pop(_TRY, False):
            seal(partial(collection.add, examples()), [])
        st.caption(
            f"At most {collection.MAX_PICTURES} pictures and {collection.MAX_SEALED_BYTES // 2**20} MB sealed; larger "
            f"pictures are reduced to {collection.MAX_SIDE} pixels on the shorter side. A ZIP holds up to "
            f"{MAX_ENTRIES} files and {MAX_TOTAL_BYTES // 2**20} MB unpacked, no password, no ZIP inside; if its "
            "pictures lie in several folders, the folders' names become labels."
        )
        st.caption(f":material/hourglass_bottom: {collection.RETENTION}")


def ask_for(what: str) -> None:
    """Note what a button asked for: unlike its click, the note outlives a run that starts again."""
    st.session_state[what] = True


def examples() -> list[Picture]:
    """Return a few labelled pictures of the built-in gallery."""
    dataset = galleries.gallery(galleries.BUILT_IN)
    step = max(1, len(dataset) // EXAMPLES)
    return [
        Picture(record.path.name, partial(dataset.load, position), record.label)
        for position, record in list(enumerate(dataset.records))[::step][:EXAMPLES]
    ]


def seal(work: Callable[[Callable[[int, int], None]], Intake], left_out: list[str]) -> None:
    """Seal what was brought, with progress, and run again without Streamlit's copy of it."""
    bar = st.progress(0.0, "Reading")

    def advance(done: int, total: int) -> None:
        bar.progress(done / total, f"Sealed {done} of {total}")

    try:
        intake = work(advance)
    except VaultError as error:
        intake = Intake(0, (), (str(error),))
    st.session_state[collection.REPORT] = Intake(intake.added, intake.again, (*left_out, *intake.problems))
    st.session_state[_ROUND] += 1
    st.rerun()


def report(intake: Intake) -> None:
    """Say what became of the last files."""
    if intake.added or intake.again:
        count = len(intake.again)
        again = f" {count} {'was' if count == 1 else 'were'} there already." if count else ""
        st.success(f"{intake.added} sealed.{again}", icon=":material/lock:")
    if intake.again:
        more = f" and {len(intake.again) - PROBLEMS} more" if len(intake.again) > PROBLEMS else ""
        # Names come from strangers: as text, never as Markdown.
        st.text(f"There already: {', '.join(intake.again[:PROBLEMS])}{more}")
    ignored = [problem for problem in intake.problems if _by_the_system(problem)]
    if ignored:
        st.caption(f"{counted(len(ignored), 'file')} that your system put there: passed over.")
    problems = [problem for problem in intake.problems if problem not in ignored]
    if problems:
        list_problems(problems, added=bool(intake.added))


def _by_the_system(problem: str) -> bool:
    """Tell whether a file that was left out is one that systems put into folders by themselves."""
    name = problem.partition(":")[0].replace("\\", "/").rpartition("/")[2].lower()
    return name in _SYSTEM_FILES or name.startswith("._")


def list_problems(problems: Sequence[str], *, added: bool) -> None:
    """Say which files were left out and why."""
    more = len(problems) - PROBLEMS
    lines = "".join(f"<li>{escape(problem)}</li>" for problem in problems[:PROBLEMS])
    rest = f"<li>and {more} more.</li>" if more > 0 else ""
    count = len(problems)
    with st.container(border=True, gap=None):
        st.error(f"{count} left out, the others are kept:" if added else f"{count} left out:")
        # Names come from strangers, so they are text and never Markdown.
        st.html(f"<ul style='margin:0;font-size:0.9rem;overflow-wrap:anywhere'>{lines}{rest}</ul>")


def contents(own: Collection) -> None:
    """Show the pictures as their owner or as the server sees them."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Searchable now: your collection, {own.counted}.** The public gallery stays beside it.")
        sealed = st.toggle("As the server holds them", key="collection_sealed", bind="query-params")
    pages = -(-own.count // PREVIEWS)
    page = 1
    if pages > 1:
        page = st.number_input(f"Page (1 to {pages})", 1, pages, key="collection_page", bind="query-params")
    shown = show.derived(own.token, "previews", (sealed, page), lambda: previews(own, sealed, page))
    chosen = st.session_state.get(_CHOSEN)
    if chosen not in own.contents():
        chosen = st.session_state[_CHOSEN] = shown[0].id
    thumbnails(
        shown,
        chosen,
        legend="Your pictures",
        key="collection_strip",
        on_pick=lambda one: st.session_state.update({_CHOSEN: one}),
    )


def rows_of(own: Collection) -> list[tuple[str, Record]]:
    """Return ids and notes of a collection by name: uploads are shuffled on the server."""
    return sorted(own.contents().items(), key=lambda row: (row[1].name, row[0]))


def previews(own: Collection, sealed: bool, page: int) -> list[Thumbnail]:
    """Return small pictures of some rows, as the owner or as the server sees them."""
    rows = rows_of(own)[(page - 1) * PREVIEWS : page * PREVIEWS]
    if sealed:
        blobs = own.vault.server.pictures([identity for identity, _ in rows])
        noise = [look_of(blob)[:NOISE_SIDE, :NOISE_SIDE] for blob in blobs]
        files = [show.cipher_file(one, NOISE_SIDE) for one in noise]
        return [Thumbnail(name, file, f"{name[:10]}...", "Noise") for (name, _), file in zip(rows, files, strict=True)]
    return [
        Thumbnail(
            identity,
            collection.preview(own.open(identity)),
            f"{record.name}{f', {label_title(record.label)}' if record.label else ''}",
            f"Your X-ray {record.name}",
        )
        for identity, record in rows
    ]


def numbers(own: Collection) -> None:
    """Show how large the collection is."""
    size = own.file.stat().st_size
    figure_row(
        [
            Figure("Pictures", f"{own.count}", f"of {collection.MAX_PICTURES}"),
            Figure("Sealed store", f"{size / 2**20:.1f} MB", f"of {collection.MAX_SEALED_BYTES // 2**20} MB"),
            Figure("Bits per code", f"{collection.BITS}", "MATDH"),
        ],
        min_width=110,
    )


def take_along(own: Collection) -> None:
    """Offer the store and, apart from it, the key; say how the command line opens them."""
    part = st.expander("Take it with you", icon=":material/download:", on_change="rerun", key="collection_take")
    if not part.open:
        return
    with part:
        st.markdown("The sealed store, all that the server holds. It opens with its key only:")
        downloads([Download("Sealed store", STORE, own.file.read_bytes())], key="collection_store")
        st.markdown("The key. Keep it apart from the store: whoever has both has the pictures.")
        downloads([Download("Key", KEY, own.key)], key="collection_key")
        st.markdown("Search it on your own machine, and add a folder to it:")
        st.code(
            f"chmod 600 {KEY}\n"
            f"python -m engine search QUERY.png --store {STORE} --key-file {KEY} --k 10\n"
            f"python -m engine index FOLDER --store {STORE} --key-file {KEY}",
            language="bash",
            wrap_lines=True,
        )


def search_it() -> None:
    """Make Retrieve look in the collection for what is like the picture chosen."""
    # Looked up and not handed over: a callback's arguments outlive "Clear my data".
    own = collection.current_collection()
    if own is None:
        return
    collection.make_query(own, st.session_state[_CHOSEN])
    st.session_state["search_in"] = "collection"
    ask_for(_LEAVE)


def remove_it() -> None:
    """Delete the picture chosen."""
    own = collection.current_collection()
    if own:
        collection.remove(own, st.session_state.pop(_CHOSEN))
        st.session_state.pop(collection.REPORT, None)


def actions(own: Collection) -> None:
    """Draw what can be done with the picture chosen."""
    name = own.contents()[st.session_state[_CHOSEN]].name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Search it", icon=":material/image_search:", on_click=search_it)
        st.button("Remove it", icon=":material/remove_circle:", on_click=remove_it)
        # Names come from strangers: as text, never as Markdown.
        st.text(f"Chosen: {name}")


def open_saved() -> None:
    """Draw the way back to a store that was taken along."""
    with st.expander("Open a saved store", icon=":material/lock_open:"):
        turn = st.session_state.setdefault(_ROUND, 0)
        store = st.file_uploader("Sealed store", type=["db"], key=f"collection_saved_{turn}")
        key = st.file_uploader("Its key", type=["bin", "key"], key=f"collection_saved_key_{turn}")
        if refused := st.session_state.pop(_SAVED, None):
            st.error(refused, icon=":material/key_off:")
        if not (store and key):
            return
        content, secret = store.getvalue(), key.getvalue()
        for file in (store, key):
            drop_file(file)
        try:
            collection.reopen(content, secret)
        except VaultError as error:
            st.session_state[_SAVED] = str(error)
        st.session_state[_ROUND] += 1
        st.rerun()


def clear() -> None:
    """Draw the way to forget everything, which asks first."""
    with st.popover("Clear", icon=":material/delete:"):
        st.markdown("This forgets your pictures, the store and its key. It cannot be undone.")
        st.button("Clear my data", icon=":material/delete_forever:", on_click=clear_own_data)


def empty() -> None:
    """Say what will happen, where there is nothing yet."""
    with st.container(border=True):
        st.markdown(
            "**Nothing here yet.** Add pictures, or try it with ready ones. Then:\n\n"
            "1. Each picture is checked by content and size, and decoded in memory.\n"
            "2. The network encodes it; the code is masked, the picture sealed.\n"
            "3. A server of your own holds the result: Retrieve searches it for you alone.\n"
            "4. You can take the sealed store along and open it with the command line."
        )


def draw() -> None:
    """Draw what is there, and what can be done with it."""
    own = collection.current_collection()
    view, side = st.columns([3, 2], gap="medium")
    with side:
        bring()
        open_saved()
        if own or st.session_state.get(collection.REPORT):
            clear()
    with view:
        if st.session_state.get(collection.REPORT):
            report(st.session_state[collection.REPORT])
        if own is None:
            empty()
        else:
            contents(own)
            actions(own)
            st.caption(":material/warning: Loading this page anew (F5) ends the visit: take the store with you first.")
            numbers(own)
            take_along(own)
    if st.session_state.pop(_LEAVE, False):
        # Without these, Streamlit would clear the address and refuse because this page's dials stand in it.
        st.switch_page("pages/retrieve.py", query_params={})


# In a function, because Streamlit's callbacks keep a page's global names alive after its visitor's data is cleared.
draw()
