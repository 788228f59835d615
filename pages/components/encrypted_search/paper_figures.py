"""Paper B's Fig. 4 and Tables III and IV, done with what runs here."""

from pathlib import Path

import numpy as np
import streamlit as st

from engine.encrypted_search.networks import NETWORKS, Recipe
from engine.encrypted_search.paper_recipe import RECIPE
from engine.encryption import MultiStageCipher
from engine.imaging import load_image
from pages.components.encrypted_search.cells import Cell, setting_title
from pages.components.encrypted_search.live import KEY, Tile, enlarged, tiles
from pages.components.kit.metrics import markdown_table
from pages.components.kit.take import show_table
from pages.components.kit.words import label_title
from pages.components.visit.keys import visit_key

EXAMPLES = Path(__file__).parents[2] / "example" / "anatomy"
CLASSES = ("bone", "brain", "chest")
DENSE_OF_PAPER = 4096


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


def _pretrained(recipe: Recipe) -> str:
    return "ImageNet, frozen to pool 4" if recipe.imagenet else "no"


def section(cell: Cell, masks: int) -> None:
    """Draw the closed section; what is in it is made when a visitor opens it."""
    opened = st.expander(
        "The paper's Fig. 4 and its settings (Tables III, IV)",
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
            "published. Substitution does not change what our networks read."
        )
