"""Who can read encrypted pictures, and what that says of the encryption: our networks, paper B's, and no network."""

from typing import Any

from engine.encrypted_search.setting import SETTINGS, Setting
from pages.components.encrypted_search.cells import Cell, figures_of, paper_accuracy, setting_title
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import result

READERS = (
    ("Ours, VGG-16", "vgg16", "ours"),
    ("Ours, ViT", "vit", "ours"),
    ("VGG-16 as in paper B", "vgg16", "paper"),
    ("No network", "vgg16", "nearest"),
)
CHANCE = 1 / 3


def readers_table() -> str:
    """Return the share of right classes of every reader in every setting, paper B's values beside, as Markdown."""
    rows = []
    for setting in SETTINGS:
        found = [figures_of(Cell(method, setting, "none", way)) for _, method, way in READERS]
        reported = [paper_accuracy(Cell(method, setting, "none")) for method in ("vgg16", "vit")]
        rows.append([setting_title(setting), *map(_share, found), *(_percent(value) for value in reported)])
    titles = [title for title, *_ in READERS]
    return markdown_table(("Encryption", *titles, "Paper B reports: VGG-16", "ViT"), rows)


def _share(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not measured"
    mean, low, high = found["accuracy"]
    return f"{mean:.1%} ({low:.0%} to {high:.0%})"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def verdict(cell: Cell, found: dict[str, Any]) -> str:
    """Say what the measured figure means for privacy, in plain words."""
    if cell.setting.block_size is None:
        return "Not encrypted: the server sees every picture. This is the ceiling for encrypted search."
    shared = cell.setting.policy == "shared"
    return " ".join((_of_reader(cell, found), _one_key() if shared else _fresh_keys()))


def _of_reader(cell: Cell, found: dict[str, Any]) -> str:
    right = f"{found['right']} of {found['count']}"
    if cell.way == "nearest":
        return f"Without any network, the nearest stored cipher pictures name the class of {right} pictures."
    if cell.way == "paper":
        return f"Paper B's VGG-16, trained on cipher pixels, names the class of {right} pictures."
    if cell.setting.block_size == 1:
        return (
            f"Our network is shown a picture without anything that a key can change, and of single pixels nothing is "
            f"left: {right} is what guessing gives. That says what our network sees, not what the server has."
        )
    return (
        f"Our network was never shown a key, yet names the class of {right} pictures. So can anybody who holds the "
        "encrypted pictures and some public ones: **what makes them searchable is what leaks.** It reads the same "
        "picture under shared and fresh keys."
    )


def _one_key() -> str:
    """What one key for all pictures protects, read off the measured cells."""
    found = _nearest("shared")
    if not found:
        return ""
    worst = min(found, key=lambda row: row["accuracy"][0])
    return (
        f"**Under one key for all pictures the block size protects nothing:** two cipher pictures differ in as many "
        f"bits as the pictures do, so without a network the nearest ones name {worst['right']} of {worst['count']} or "
        "more at every block size, 1 included."
    )


def _fresh_keys() -> str:
    """What a key for each picture changes, read off the measured cells."""
    found = {row["block_size"]: row for row in _nearest("fresh")}
    if 1 not in found:
        return ""
    mean, low, high = found[1]["accuracy"]
    chance = "what guessing gives" if low <= CHANCE <= high else f"where guessing gives {CHANCE:.0%}"
    return (
        f"With a key for each picture the nearest cipher picture says little: {mean:.0%} right at block 1, {chance}. "
        "What is left to read are block statistics, and they shrink with the block."
    )


def _nearest(policy: str) -> list[dict[str, Any]]:
    sizes = [setting for setting in SETTINGS if setting.block_size and setting.policy == policy]
    rows = [figures_of(Cell("vgg16", Setting.named(setting.name), "none", "nearest")) for setting in sizes]
    return [row for row in rows if row is not None]


def how() -> str:
    """Say how the readers differ from the paper's, and what their figures are."""
    report = result("encrypted_pixels") or {"ways": {}}
    words = [
        "Share of test pictures with the right class, 95 % interval; chance is 33 %.",
        "Ours: ImageNet's VGG-16 frozen up to the fourth pooling, dense layers of 256 neurons, AdamW at 0.0003, 40 "
        "epochs; a ViT of 6 layers and 192 channels, not pretrained. The paper: both pretrained, Adam at 0.001, 100 "
        "epochs, batches of 32 (Tables III and IV).",
    ]
    recipe = report["ways"].get("paper", {}).get("provenance", {}).get("recipe")
    if recipe:
        words.append(
            f"As in paper B: Adam at {recipe['learning_rate']:g}, {recipe['epochs']} epochs, batches of "
            f"{recipe['batch']}, dense layers of {recipe['width']:,} neurons instead of 4,096; ImageNet's base stays "
            "as it is, which the paper does not say of its own."
        )
    return " ".join(words)


def likeness_words(cell: Cell) -> str:
    """Say how much results resemble the query, beside the plain path and luck; empty where nobody measured it."""
    report = result("likeness")
    cells = {(row["reader"], row["setting"]): row for row in report["cells"]} if report else {}
    reader = cell.method if cell.way == "ours" else cell.way
    found, plain, luck = (
        cells.get(key) for key in ((reader, cell.setting.name), (reader, "plain"), ("random", "plain"))
    )
    if report is None or not (found and plain and luck):
        return ""
    words = [f"{row['ssim'][0]:.2f} and {row['feature_distance'][0]:.2f}" for row in (found, plain, luck)]
    return (
        f"**How alike query and results look:** SSIM and distance of features {words[0]}; searched in the clear "
        f"{words[1]}, drawn at random {words[2]}. {report['protocol']['results'].capitalize()}; features are those of "
        "the VGG-16 trained in the clear, 1 is the distance of a random pair."
    )
