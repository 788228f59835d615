"""The picture at hand: chosen once, the same on every page, in the link unless it is the visitor's own."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from engine.errors import VaultError
from engine.imaging import PictureFacts
from pages.components.kit.dials import one_of
from pages.components.kit.show import derived, derived_at_full_size
from pages.components.kit.thumbnails import Thumbnail, thumbnails
from pages.components.kit.words import NOTICE, label_title
from pages.components.visit import arrival
from pages.components.visit import gallery as galleries
from pages.components.visit.collection import forget_collection
from pages.components.visit.keys import forget_keys
from pages.components.visit.links import choose, linked
from pages.components.visit.uploads import OWN, RETENTION, current_upload, forget_upload, keep_upload

PER_CLASS = 2
PER_PAGE = 12
# Why the last file was refused: it is dropped, and the sentence stays until another is chosen or the data cleared.
_REFUSED = "_upload_refused"


@dataclass(frozen=True)
class Picture:
    """The picture every page works on.

    Attributes:
        token: Names its content; what was computed for one token holds for no other.
        title: A few words for headings and alternative texts.
        image: ``(H, W)`` uint8 or uint16.
        label: Of the gallery's picture, or in the visitor's collection; None where nobody knows it.
        gallery: Name of the gallery in use.
        position: In that gallery; None for a visitor's own.
        origin: Where it comes from, in plain words.
        facts: What the file of a visitor's own says of how it was taken; None of every other.
    """

    token: str
    title: str
    image: np.ndarray
    label: str | None
    gallery: str
    position: int | None
    origin: str
    facts: PictureFacts | None = None

    @property
    def note(self) -> str:
        """Where the picture comes from, in one line of plain words."""
        header = self.facts is not None and self.facts.kind == "DICOM"
        depth = self.facts.depth if self.facts and header else f"{self.image.itemsize * 8}-bit"
        size = f"{self.image.shape[1]} x {self.image.shape[0]} pixels, {depth}"
        labelled = f", labelled {label_title(self.label)}" if self.label else ""
        return f"{self.origin}{labelled}; {size}.{_taken(self.facts)}"


def _taken(facts: PictureFacts | None) -> str:
    """Say how a picture was taken, as far as its header says; nothing of whom it shows."""
    if facts is None or facts.kind != "DICOM":
        return ""
    spacing = f"{facts.spacing[0]:g} mm a pixel" if facts.spacing else ""
    window = f"shown by {facts.window}" if facts.window else ""
    said = [facts.modality, facts.body_part.lower(), facts.view_position, spacing, window]
    return f" DICOM: {', '.join(part for part in said if part)}. Names and dates in the header were not kept."


def current_picture() -> Picture:
    """Return the picture the visitor chose last, here or on another page; at first, a sample."""
    name = galleries.gallery_name()
    chosen = linked("picture", "")
    upload = current_upload() if chosen == OWN else None
    if upload:
        title, origin = "your picture", "Your own picture"
        return Picture(f"own/{upload.digest}", title, upload.image, upload.label, name, None, origin, upload.facts)
    home = next((other for other in (name, *galleries.available()) if chosen in galleries.positions(other)), name)
    position = galleries.positions(home).get(chosen, samples(name)[0])
    record, simulated = galleries.gallery(home).records[position], home == galleries.SIMULATED
    return Picture(
        token=f"{home}/{record.id}",
        title=f"{'simulated' if simulated else 'real'} chest X-ray {record.id}",
        image=galleries.load(home, position),
        label=record.label,
        gallery=home,
        position=position,
        origin="Simulated from a CT scan" if simulated else f"Real X-ray ({galleries.credit(home, record.id)})",
    )


def unkept_promise() -> str | None:
    """Say what the address asks for that is not here, and what is shown instead; None where all of it is."""
    if linked("gallery", galleries.BUILT_IN) not in galleries.available():
        return "The link names a gallery that is not on this server: the built-in one is shown."
    chosen = linked("picture", "")
    if chosen == OWN and not current_upload():
        return "The link is to a picture that only its visitor had, or that was cleared: a sample is shown."
    if chosen not in ("", OWN) and not any(chosen in galleries.positions(name) for name in galleries.available()):
        return "The link names a picture that is not on this server: a sample is shown."
    return None


@st.cache_data(show_spinner=False)
def samples(name: str) -> list[int]:
    """Return the positions of a few pictures to start with: the first test pictures of each class."""
    dataset = galleries.gallery(name)
    by_class = [
        [n for n, record in enumerate(dataset.records) if (record.label, record.split) == (label, "test")]
        for label in dataset.classes
    ]
    return [members[turn] for turn in range(PER_CLASS) for members in by_class if len(members) > turn]


def picture_picker(*, with_gallery: bool = True) -> None:
    """Draw the controls that choose the picture of the next :func:`current_picture`.

    Args:
        with_gallery: Whether the choice of the gallery is among them; not where the page draws it elsewhere.
    """
    name = galleries.gallery_name()
    broken = unkept_promise()
    if broken:
        st.warning(broken, icon=":material/link_off:")
    with st.container(border=True, gap="small"):
        way = one_of("Picture", ["Samples", "Gallery"], "picture_way", width="stretch")
        if way == "Gallery":
            _browse(name)
        else:
            _strip(name, samples(name), "Sample pictures")
        if with_gallery:
            choose_gallery(name, "Pictures from")
        _upload()
        credits_of(name)


def _strip(name: str, members: list[int], legend: str) -> None:
    dataset = galleries.gallery(name)
    items = []
    for position in members:
        record = dataset.records[position]
        label = label_title(record.label)
        items.append(
            Thumbnail(record.id, galleries.thumbnail(name, position), label, f"Chest X-ray {record.id}, {label}")
        )
    thumbnails(
        items,
        linked("picture", "") or dataset.records[samples(name)[0]].id,
        legend=legend,
        key="picture_strip",
        on_pick=lambda record_id: choose("picture", record_id),
    )


def choose_gallery(name: str, title: str) -> None:
    """Draw the way to another gallery: a choice, and what fetches the real collection where it is not here."""
    here = galleries.available()
    # The address may have changed since: the control follows it.
    st.session_state.picture_gallery = name
    st.segmented_control(
        title,
        here,
        required=True,
        format_func=lambda one: galleries.TITLES[one],
        key="picture_gallery",
        on_change=lambda: choose("gallery", st.session_state.picture_gallery),
    )
    if galleries.REAL not in here and arrival.offered():
        arrival.offer()


def credits_of(name: str) -> None:
    """Draw, one click away, where a gallery's pictures come from and under which terms."""
    with st.popover("Where these pictures come from", icon=":material/copyright:", type="tertiary"):
        for line in galleries.credit_lines(name):
            st.markdown(line)


def _browse(name: str) -> None:
    dataset = galleries.gallery(name)
    label = st.pills(
        "Label",
        dataset.classes,
        format_func=label_title,
        key="picture_label",
        bind="query-params",
        label_visibility="collapsed",
    )
    members = [n for n, r in enumerate(dataset.records) if label is None or r.label == label]
    pages = max(1, -(-len(members) // PER_PAGE))
    page = st.number_input(f"Page (1 to {pages})", 1, pages, key="picture_page", bind="query-params")
    _strip(name, members[(page - 1) * PER_PAGE : page * PER_PAGE], "Pictures of the gallery")


def _upload() -> None:
    round_number = st.session_state.setdefault("_upload_round", 0)
    file = st.file_uploader(
        "Your own chest X-ray: PNG, JPEG or DICOM, up to 10 MB",
        type=["png", "jpg", "jpeg", "dcm", "dicom", "zip"],
        key=f"picture_upload_{round_number}",
        help=f"{NOTICE} {RETENTION}",
    )
    if file is not None:
        try:
            keep_upload(file)
        except VaultError as error:
            st.session_state[_REFUSED] = str(error)
        else:
            st.session_state.pop(_REFUSED, None)
            choose("picture", OWN)
        _next_upload()
    if refused := st.session_state.get(_REFUSED):
        st.error(refused, icon=":material/broken_image:")
    if upload := current_upload():
        if upload.facts and upload.facts.concern:
            st.warning(upload.facts.concern, icon=":material/help:")
        st.caption(f":material/shield: {RETENTION}")
        st.button("Clear my data", icon=":material/delete:", on_click=clear_own_data)


def clear_own_data() -> None:
    """Forget the visitor's picture and collection, all that was computed from them, and their keys."""
    derived.clear()
    derived_at_full_size.clear()
    forget_upload()
    forget_collection()
    forget_keys()
    st.session_state.pop(_REFUSED, None)
    choose("picture", "")
    st.session_state["_upload_round"] = st.session_state.get("_upload_round", 0) + 1


def _next_upload() -> None:
    """Drop the uploader's own copy of the file, and run again with the new picture or without it."""
    st.session_state["_upload_round"] += 1
    st.rerun()
