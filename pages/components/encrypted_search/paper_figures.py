"""Paper B's Figs. 1, 4 and 6 to 8, and its Tables I, III and IV, done with what runs here."""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from engine.encrypted_search.networks import NETWORKS, Recipe
from engine.encrypted_search.paper_recipe import RECIPE
from engine.encrypted_search.setting import Setting
from engine.encryption import MultiStageCipher
from engine.imaging import load_image
from pages.components.encrypted_search.cells import Cell, figures_of, setting_title
from pages.components.encrypted_search.live import KEY, Tile, enlarged, tiles
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import stored
from pages.components.kit.take import show_table
from pages.components.kit.words import label_title
from pages.components.visit.keys import visit_key

# Words, the paper's table and row in ``paper_b.json``, and the measured cell.
Shown = tuple[str, str, str, Cell]
EXAMPLES = Path(__file__).parents[2] / "example" / "anatomy"
CLASSES = ("bone", "brain", "chest")
DENSE_OF_PAPER = 4096
PICTURES_OF_PAPER = 100  # of each class in its test split


def _shown(words: str, table: str, row: str, method: str, block: str, mode: str = "none", way: str = "ours") -> Shown:
    return words, table, row, Cell(method, Setting.named(block), mode, way)


# The cells of the paper's confusion matrices: words, its table, its row, and which of ours stands beside it.
CONFUSIONS: dict[str, tuple[Shown, ...]] = {
    "Fig. 6, ViT": (
        _shown("(a) in the clear", "table6_vit", "plaintext", "vit", "plain"),
        _shown("(b) block 8", "table6_vit", "8", "vit", "fresh-8"),
        _shown("(c) block 1", "table6_vit", "1", "vit", "fresh-1"),
    ),
    "Fig. 7, VGG-16 as in paper B": (
        _shown("(a) in the clear", "table7_vgg16", "plaintext", "vgg16", "plain", way="paper"),
        _shown("(b) block 8, one key", "table7_vgg16", "8", "vgg16", "shared-8", way="paper"),
        _shown("(b) block 8, fresh keys", "table7_vgg16", "8", "vgg16", "fresh-8", way="paper"),
        _shown("(c) block 1, one key", "table7_vgg16", "1", "vgg16", "shared-1", way="paper"),
        _shown("(c) block 1, fresh keys", "table7_vgg16", "1", "vgg16", "fresh-1", way="paper"),
    ),
    "Fig. 8, quantized VGG-16": tuple(
        _shown(f"({letter}) {words}", "table8_vgg16_block8", row, "vgg16", "fresh-8", mode)
        for letter, words, row, mode in (
            ("a", "maximum", "max", "max"),
            ("b", "KL", "kl", "kl"),
            ("c", "99 %", "percentile", "percentile"),
            ("d", "full, naive", "full", "full-naive"),
        )
    ),
}
MADE_BY = ("encrypted_search", "encrypted_pixels", "encrypted_search")
# What Table I asks of every system, answered for the ways that can be chosen here.
COLUMNS = ("Way", "Method of encryption", "Features", "Retrieval", "Quantization")
ENTRIES = (
    ("Paper B", "Algorithm 1: permuted blocks, pixels and channels, XOR masks", "VGG-16 or ViT", "by class", "3 modes"),
    (
        "Ours",
        "Algorithm 1, as printed",
        "VGG-16 or ViT, of what no key changes",
        "distance of features",
        "3 modes, int8",
    ),
    ("As in paper B", "Algorithm 1, as printed", "VGG-16, of cipher pixels", "distance of features", "no"),
    ("No network", "Algorithm 1, as printed", "the cipher picture's bits", "Hamming distance", "no"),
    (
        "Retrieve",
        "AES-256-GCM or paper A's scheme",
        "MATDH codes, made by the owner",
        "Hamming distance",
        "int8 encoder",
    ),
)


@st.cache_data(show_spinner=False)
def examples() -> list[np.ndarray]:
    """Return one picture of each class, ``(64, 64)`` uint8."""
    return [load_image((EXAMPLES / f"{name}.png").read_bytes()) for name in CLASSES]


def figure_4(cell: Cell, masks: int) -> None:
    """Show a hand, a head and a chest: as they are, encrypted as the dials say, and decrypted."""
    setting = cell.setting
    cipher = MultiStageCipher(visit_key(KEY), setting.block_size or 1, masks, setting.policy)
    row = []
    for name, picture in zip(CLASSES, examples(), strict=True):
        sealed = cipher.encrypt(picture, name)
        opened = cipher.decrypt(sealed, name)[..., 0]
        exact = "exactly the original" if np.array_equal(opened, picture) else "not the original"
        title = label_title(name)
        row += [
            Tile(enlarged(picture), title, "original", f"{title}, original"),
            Tile(enlarged(sealed), title, "encrypted", f"{title}, encrypted"),
            Tile(enlarged(opened), title, f"decrypted: {exact}", f"{title}, decrypted"),
        ]
    tiles(row, width="max(90px, 30%)")
    st.caption(
        f"{setting_title(setting).capitalize()}, masks up to {masks}. The paper shows a hand, a brain MRI and a skull; "
        "here a hand, a head CT and a chest of MedNIST (B. J. Erickson, Mayo Clinic; CC BY-SA 4.0)."
    )


def settings_table() -> str:
    """Write the training settings of paper B's Tables III and IV beside those that run here, as Markdown."""
    ours = [NETWORKS[name] for name in ("vgg16-encrypted", "vit-encrypted")]
    vgg, vit = (network.recipe for network in ours)
    rows = [
        ["Pretrained", "yes, both", "ImageNet, base frozen", *(_pretrained(recipe) for recipe in (vgg, vit))],
        ["Reads", "cipher pixels", "cipher pixels", *["what no key changes"] * 2],
        ["Optimizer", "Adam", "Adam", *["AdamW, one cycle"] * 2],
        ["Learning rate", "0.001", f"{RECIPE.learning_rate:g}", *(f"up to {r.learning_rate:g}" for r in (vgg, vit))],
        ["Epochs", "100", str(RECIPE.epochs), *(str(recipe.epochs) for recipe in (vgg, vit))],
        ["Batch", "32", str(RECIPE.batch), *(str(recipe.batch) for recipe in (vgg, vit))],
        ["Loss", *["cross-entropy"] * 4],
        ["Classes", *["3"] * 4],
        ["Dense width of VGG-16", f"{DENSE_OF_PAPER:,}", f"{RECIPE.width:,}", f"{ours[0].arguments['width']}", ""],
        ["Copies of each picture", "1", "1", *(f"{recipe.editions}, shifted, mirrored" for recipe in (vgg, vit))],
        ["Block size", "1 to 8, 8 recommended", *["16, 8, 4, 2, 1"] * 3],
        ["Substitution", "0 to 255, 128 to 192 recommended", *["0 to 255"] * 3],
    ]
    return markdown_table(("Setting", "Paper B", "As in paper B, here", "Our VGG-16", "Our ViT"), rows)


def confusions_table(title: str) -> str:
    """Write what the paper's confusion matrices (Figs. 6 to 8) and ours say of each class, as Markdown.

    The paper prints precision and recall; of 100 pictures a class, recall is how many of them were named rightly, and
    their ratio how many pictures were called that class.

    Args:
        title: Key of ``CONFUSIONS``.
    """
    paper, rows = stored("paper_b"), []
    for words, table, row, cell in CONFUSIONS[title]:
        found = figures_of(cell)
        for n, name in enumerate(CLASSES):
            theirs = paper[table][row].get(name, {})
            rows.append([words, label_title(name), *_counts_of_paper(theirs), *_counts_measured(found, n)])
    header = (
        "Cell",
        "Class",
        "Paper B: right",
        "Paper B: called so",
        "Measured here: right",
        "Measured here: called so",
    )
    return markdown_table(header, rows)


def _counts_of_paper(row: dict[str, float | None]) -> list[str]:
    recall, precision = row.get("recall"), row.get("precision")
    if recall is None:
        return ["not given", "not given"]
    called = f"{PICTURES_OF_PAPER * recall / precision:.0f}" if precision else "0" if recall == 0 else "not given"
    return [f"{PICTURES_OF_PAPER * recall:.0f} of {PICTURES_OF_PAPER}", called]


def _counts_measured(found: dict[str, Any] | None, position: int) -> list[str]:
    if found is None:
        return ["not measured", "not measured"]
    matrix = np.array(found["confusion"])
    return [f"{matrix[position, position]} of {matrix[position].sum()}", str(matrix[:, position].sum())]


def _pretrained(recipe: Recipe) -> str:
    return "ImageNet, frozen to pool 4" if recipe.imagenet else "no"


def section(cell: Cell, masks: int) -> None:
    """Draw the closed section; what is in it is made when a visitor opens it."""
    opened = st.expander(
        "The paper's figures and settings (Figs. 1, 4, 6 to 8; Tables I, III, IV)",
        icon=":material/compare:",
        key="es_paper",
        on_change="rerun",
        bind="query-params",
    )
    if not opened.open:
        return
    with opened:
        if cell.setting.block_size:
            figure_4(cell, masks)
        show_table(settings_table(), key="paper_settings")
        st.caption(
            "The paper's batches, rate and epochs are of its Tables III and IV; its width is that of VGG-16 as "
            "published. Substitution does not change what our networks read. The ViT as printed (pretrained, on cipher "
            "pixels) is not measured: no pretrained one comes with this project, and from scratch at the paper's size "
            "its eleven cells would take about 14 hours of a processor core. `python -m engine encrypted-search "
            "--as paper` trains the VGG-16 alone."
        )
        for number, (title, made_by) in enumerate(zip(CONFUSIONS, MADE_BY, strict=True), 6):
            st.markdown(f"**{title}**")
            show_table(confusions_table(title), key=f"paper_fig_{number}", made_by=made_by)
        st.caption(
            "The paper's counts follow from precision and recall in its Tables VI to VIII, 100 pictures a class; of "
            "its fully quantized network it prints the brain's recall alone. Its brain pictures are MRI, here head CT."
        )
        st.markdown("**Fig. 1 and Table I: where this stands among ways to search encrypted pictures**")
        show_table(markdown_table(COLUMNS, ENTRIES), key="paper_table_1")
        st.caption(
            "The paper's Fig. 1 sorts earlier work into ways to encrypt, ways to find and to draw features, systems "
            "for one application, and comparisons; its Table I asks of each what the columns above say."
        )
