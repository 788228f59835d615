"""Write the tables of the documents from ``models/results`` and the manifests, so that no figure is typed by hand.

python scripts/fill_tables.py          # write
python scripts/fill_tables.py --check  # exit with 1 if a page is out of date
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from engine.datasets.manifest import Record, read_manifest  # noqa: E402
from pages.components.encrypt.cipher_papers import entropy_table, how_measured, quality_table, speed_table  # noqa: E402
from scripts.operator_tables import kills_table, serving_table, stores_table  # noqa: E402
from scripts.promises_table import HEADER, promises_rows  # noqa: E402
from scripts.unseen_tables import as_table, codes_table, crowd_table, left_out_table, unseen_table, with_interval  # noqa: E402

RESULTS = PROJECT / "models" / "results"
PAGE = PROJECT / "docs" / "results.md"
PAGES = (PAGE, *(PROJECT / "docs" / f"{name}.md" for name in ("data-sheet", "model-card", "threat-model", "operators")))
TASKS = ("binary", "three_class")
DRAWN_FROM = {"code": "a code of 48 bits", "descriptor": "a descriptor of 64 bytes"}


def fill(text: str) -> str:
    """Return the page with every table between its markers made anew; one not yet measured stays as it is."""
    tables: dict[str, tuple[Any, ...]] = {
        "unseen": (unseen_table, "matdh-unseen"),
        "map": (map_table, "matdh", "paper_a"),
        "precision": (precision_table, "matdh", "paper_a"),
        "ordering": (ordering_table, "ordering"),
        "codes": (codes_table, "matdh-unseen", "matdh"),
        "crowd": (crowd_table, "crowd"),
        "left_out": (left_out_table, "leave_one_source_out"),
        "controls": (controls_table, "matdh", "paper_a"),
        "recipes": (recipes_table, "recipes"),
        "ablations": (ablations_table, "ablations", "paper_a"),
        "transfer": (transfer_table, "transfer"),
        "ring": (ring_table, "baselines"),
        "leaks": (leaks_table, "attacks"),
        "drawings": (drawings_table, "attacks"),
        "encrypted": (encrypted_table, "encrypted_search", "encrypted_pixels", "paper_b"),
        "quantized": (quantized_table, "encrypted_search", "paper_b"),
        "int8": (int8_table, "quantization"),
        "entropy": (entropy_table, "ciphers", "paper_a"),
        "sources": (sources_table,),
        "networks": (networks_table,),
        "stores": (stores_table, "stores"),
        "kills": (kills_table, "stores"),
        "serving": (serving_table, "serving"),
        "ciphers": (ciphers_tables, "ciphers", "paper_a", "paper_b"),
        "promises": (promises_table, "mutants", "hostile_files", "promises", "at_once", "private_search"),
    }

    def table(match: re.Match[str]) -> str:
        make, *names = tables[match[1]]
        if not all((RESULTS / f"{name}.json").exists() for name in names):
            return match[0]
        return f"<!-- table: {match[1]} -->\n{make(*map(_read, names))}\n<!-- /table -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- /table -->", table, text, flags=re.DOTALL)


def map_table(measured: dict[str, Any], paper: dict[str, Any]) -> str:
    """Paper A Table 2 for MATDH, beside both tasks measured here."""
    lengths = list(measured["bits"])
    rows = [
        ["paper A", *(f"{paper['table2_map']['MATDH'][bits]:.4f}" for bits in lengths)],
        ["measured here", *(with_interval(measured["bits"][bits]["binary"]["map"]) for bits in lengths)],
        ["three classes", *(with_interval(measured["bits"][bits]["three_class"]["map"]) for bits in lengths)],
    ]
    return as_table(["mAP", *(f"{bits} bits" for bits in lengths)], rows)


def precision_table(measured: dict[str, Any], paper: dict[str, Any]) -> str:
    """Paper A Table 3 and Fig. 8 for MATDH at 48 bits."""
    names = {"p_at_1": "P@1", "p_at_5": "P@5", "p_at_10": "P@10", "precision_within_2": "P@H<=2"}
    claimed = [f"{paper['table3']['MATDH'][name]:.4f}" for name in list(names)[:3]] + ["above 0.85", "not given"]
    rows = [["paper A", *claimed]]
    for task, label in (("binary", "measured here"), ("three_class", "three classes")):
        figures = measured["bits"]["48"][task]
        rows.append([label, *(with_interval(figures[name]) for name in names), f"{figures['empty_balls']:.1%}"])
    return as_table(["48 bits", *names.values(), "empty balls"], rows)


def ordering_table(measured: dict[str, Any]) -> str:
    """What the order among equally near results is worth: class of the first ten, and the query's patient."""
    titles = {
        "binary_p_at_10": "P@10, COVID-19 or not",
        "three_class_p_at_10": "P@10, three classes",
        "patient_among_ten": "another X-ray of the patient among the ten",
    }
    rows = [
        [title, *(with_interval(measured["figures"][name][how]) for how in ("code", "ordered"))]
        for name, title in titles.items()
    ]
    return as_table(["48 bits", "code alone", "in order of likeness"], rows)


def controls_table(measured: dict[str, Any], paper: dict[str, Any]) -> str:
    """The controls of the result file: mAP of both tasks at 48 bits, the headline first."""
    controls = measured["controls"]
    names = ("source_only", "black_centre", "within_source", "random_codes", "float_features")
    rows = [["headline", *(with_interval(measured["bits"]["48"][task]["map"]) for task in TASKS), "MATDH as shipped."]]
    for name in names:
        control = controls[name]
        figures = [with_interval(control[task]["map"]) if task in control else "" for task in TASKS]
        if "only" in control:
            figures[1] = with_interval(control["only"]["map"])
        rows.append([name.replace("_", " "), *figures, control["what"]])
    return as_table(["mAP at 48 bits", "COVID-19 or not", "by class", "what it is"], rows)


def recipes_table(measured: dict[str, Any]) -> str:
    """Every way MATDH was trained: validation score, mAP of both tasks at 48 bits, precision within two bits."""
    rows = [
        [
            run["title"] + (", shipped" if name == measured["shipped"] else ""),
            f"{run['validation_score']:.3f}",
            with_interval(tasks["binary"]["map"]),
            with_interval(tasks["three_class"]["map"]),
            with_interval(tasks["binary"]["p_at_1"]),
            with_interval(tasks["binary"]["precision_within_2"]),
        ]
        for (name, tasks), run in zip(measured["recipes"].items(), measured["runs"].values(), strict=True)
    ]
    return as_table(["trained as", "validation", "mAP", "three classes", "P@1", "P@H<=2"], rows)


def ablations_table(measured: dict[str, Any], paper: dict[str, Any]) -> str:
    """Paper A Table 4 beside ours under one small budget, and the difference to MATDH over the same queries."""
    rows: list[list[str]] = []
    for name, tasks in measured["variants"].items():
        theirs = paper["table4"].get(name) or paper["table4"].get(f"MATDH-{name}")
        rows.append(
            [
                name,
                f"{theirs['map']:.4f}" if theirs else "not given",
                with_interval(tasks["binary"]["map"]),
                "{:+z.3f} ({:+z.3f} to {:+z.3f})".format(*tasks["binary"]["against_whole"]) if rows else "–",
                ", ".join(f"{value:.3f}" for value in measured["map_by_seed"][name]["binary"]),
                with_interval(tasks["three_class"]["map"]),
            ]
        )
    return as_table(["variant", "paper A", "measured here", "against MATDH", "each seed", "three classes"], rows)


def transfer_table(measured: dict[str, Any]) -> str:
    """What guarding against the hospital costs inside the collection, and gives for publishers never seen."""
    publishers = [row["publisher"] for row in measured["left_out"]]
    rows = []
    for title, training, network in (
        ("guarded", "guarded", "MATDH"),
        ("unguarded", "unguarded", "unguarded"),
    ):
        inside = measured["inside"]
        whole = [inside[network][task]["map"] for task in TASKS] + [inside[f"{network} black"]["binary"]["map"]]
        found = [
            f"{row[training]['unseen'][name][0]:.3f}" for row in measured["left_out"] for name in ("auc", "auc_black")
        ]
        rows.append([title, *map(with_interval, whole), *found])
    unseen = [f"AUC, {name} unseen{more}" for name in publishers for more in ("", ", lungs black")]
    return as_table(["training", "mAP", "three classes", "mAP, lungs black", *unseen], rows)


def ring_table(measured: dict[str, Any]) -> str:
    """Every method of the comparison: mAP of both tasks, the best on the binary one first."""
    found: list[list[Any]] = []
    for method in measured["methods"].values():
        bits = "48" if "48" in method["bits"] else "features"
        figures = [method["bits"][bits][task]["map"] for task in TASKS]
        found.append([method["title"], bits.replace("48", "48 bits"), *figures])
    found.sort(key=lambda row: -row[2][0])
    rows = [[title, by, *map(with_interval, figures)] for title, by, *figures in found]
    return as_table(["method", "compared by", "COVID-19 or not", "three classes"], rows)


def leaks_table(measured: dict[str, Any]) -> str:
    """What a server learns of containers, of two of paper B's settings, and of codes."""
    chest = {
        tuple(row[name] for name in ("scheme", "block_size", "substitution", "policy")): row
        for row in measured["settings-chest"]["rows"]
    }
    codes = {row["form"]: row for row in measured["stored-codes"]["covidx-open"]["rows"]}
    seen = {
        "AES-256-GCM": chest["aes", None, None, None],
        "frequency scheme": chest["frequency", None, None, None],
        "multi-stage, blocks of 8, masks to 192, one key": chest["multistage", 8, 192, "shared"],
        "multi-stage, blocks of 8, masks to 192, fresh keys": chest["multistage", 8, 192, "fresh"],
        "codes of 48 bits, masked": codes["masked"],
        "codes of 48 bits, plain": codes["plain"],
    }
    rows = [
        [name, *(with_interval(row[what]) for what in ("kind", "confirm", "opened", "luck"))]
        for name, row in seen.items()
    ]
    return as_table(["what is seen", "named", "recognised", "opened", "by luck"], rows)


def drawings_table(measured: dict[str, Any]) -> str:
    """How alike a picture is to the best guess, and to the best drawing from its code and its descriptor."""
    ways = measured["descriptors"]
    rows = [["nothing: the mean picture", with_interval(ways["code"]["similarity"]["guess"])]]
    rows += [[name, with_interval(max(ways[way]["similarity"].values()))] for way, name in DRAWN_FROM.items()]
    return as_table(["drawn from", "similarity (SSIM)"], rows)


def encrypted_table(measured: dict[str, Any], pixels: dict[str, Any], paper: dict[str, Any]) -> str:
    """Paper B Tables VI and VII: right classes by encryption, beside every reader here under shared and fresh keys."""
    cells = {(cell["method"], cell["setting"]): cell for cell in measured["cells"]}
    cells |= {(cell["as"], cell["setting"]): cell for cell in pixels["cells"]}
    blocks = ("plain", "16", "8", "4", "2", "1")
    rows = []
    for method, title, table in (("vgg16", "VGG-16", "table7_vgg16"), ("vit", "ViT", "table6_vit")):
        reported = {block: _paper_accuracy(paper[table].get(block.replace("plain", "plaintext"))) for block in blocks}
        rows.append([f"paper B, {title}", *(reported[block] for block in blocks)])
        rows += _reader_rows(cells, method, title, blocks)
    rows += _reader_rows(cells, "paper", "VGG-16 as in paper B", blocks)
    rows += _reader_rows(cells, "nearest", "no network", blocks)
    return as_table(["Right class", "plain", *(f"block {block}" for block in blocks[1:])], rows)


def _reader_rows(cells: dict[tuple[str, str], Any], reader: str, title: str, blocks: Iterable[str]) -> list[list[str]]:
    """One row for each key policy that was measured."""
    rows = []
    for policy, keys in (("shared", "one key"), ("fresh", "fresh keys")):
        found = [cells.get((reader, "plain" if block == "plain" else f"{policy}-{block}")) for block in blocks]
        if any(found[1:]):
            shares = (f"{c['right'] / c['count']:.1%} ({c['right']})" if c else "not measured" for c in found)
            rows.append([f"{title}, {keys}", *shares])
    return rows


def quantized_table(measured: dict[str, Any], paper: dict[str, Any]) -> str:
    """Paper B Table VIII: VGG-16 at block 8 in every quantization mode, beside ours under fresh keys."""
    cell = next(c for c in measured["cells"] if (c["method"], c["setting"]) == ("vgg16", "fresh-8"))
    modes = {"max": "max", "percentile": "99 %", "kl": "KL", "full": "full int8", "full-naive": "full, naive"}
    reported = paper["table8_vgg16_block8"] | {"full": None, "full-naive": paper["table8_vgg16_block8"]["full"]}
    ours = [cell, *(cell["quantized"][mode] for mode in modes)]
    float32 = _paper_accuracy(paper["table7_vgg16"]["8"])
    return as_table(
        ["VGG-16, block 8", "float32", *modes.values()],
        [
            ["paper B", float32, *(_paper_accuracy(reported[mode]) for mode in modes)],
            ["measured here", *(f"{c['right'] / c['count']:.1%} ({c['right']})" for c in ours)],
        ],
    )


def int8_table(measured: dict[str, Any]) -> str:
    """Calibrated full int8 beside float32: right answers, mAP where there are codes, bytes and speed in one run."""
    rows = []
    for network in measured["networks"].values():
        exact, full = network["variants"]["fp32"], network["variants"]["full"]
        times = [network["latency"][batch]["full"][1] for batch in ("1", "16")]
        found = f"{exact['map_binary'][0]:.3f} / {full['map_binary'][0]:.3f}" if "map_binary" in full else ""
        rows.append(
            [
                network["short"],
                f"{exact['right']} / {full['right']} of {full['count']}",
                found,
                f"{full['top1_agreement'][0]:.1%}",
                f"{exact['file_bytes'] / full['file_bytes']:.2f} x",
                f"{times[0]:.1f} x / {times[1]:.1f} x",
            ]
        )
    header = ["float32 / full int8", "right", "mAP", "same answer", "smaller", "faster (1 / 16 pictures)"]
    return as_table(header, rows)


def sources_table() -> str:
    """What cxr-open is made of: the pictures of every source by label and by split, small sources together."""
    joined = [record for name in ("covidx-open", "cxr-sources") for record in read_manifest(name, Path())]
    counted = Counter((_source_of(record), word) for record in joined for word in (record.label, record.split))
    columns = [sorted({record.label for record in joined}), ["train", "val", "test", "excluded"]]
    words = [word for group in columns for word in group]
    sources = dict.fromkeys(_source_of(record) for record in joined)
    rows = [[source, *(f"{counted[source, word]:,}" for word in words)] for source in sources]
    return as_table(["source", *words], rows)


def networks_table() -> str:
    """Every network that is shipped, from the card beside its weights."""
    cards = {
        path.stem: json.loads(path.read_text()) for path in sorted((PROJECT / "models" / "weights").glob("*.json"))
    }
    rows = [
        [
            name,
            card["what"],
            card["data"],
            f"{card['bytes'] / 1e6:.1f} MB",
            card["licence"],
            f"`{card['file_sha256'][:12]}`",
        ]
        for name, card in cards.items()
    ]
    return as_table(["network", "what it is", "trained on", "size", "licence", "SHA-256 begins"], rows)


def _source_of(record: Record) -> str:
    collection, _, site = record.source.partition("/")
    return f"{collection}: cases of journals and web sites" if site else collection


def _paper_accuracy(row: dict[str, Any] | None) -> str:
    """Its share of right classes; where it gives none, the mean of its recalls: its classes are equally large."""
    if row is None:
        return "not given"
    recalls = [row[name]["recall"] for name in ("bone", "brain", "chest")] if "accuracy" not in row else []
    return f"{sum(recalls) / 3 if recalls else row['accuracy']:.1%}"


def ciphers_tables(measured: dict[str, Any], paper_a: dict[str, Any], paper_b: dict[str, Any]) -> str:
    """Paper A Table 6 and paper B Table V beside ours, with what ours are."""
    tables = speed_table(measured, paper_a), quality_table(measured, paper_b)
    return "\n\n".join((*tables, f"Ours: {how_measured(measured)}"))


def promises_table(*reports: dict[str, Any]) -> str:
    """What was tried against the promises of the threat model."""
    return as_table(HEADER, promises_rows(*reports))


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def main() -> int:
    """Write or check the pages."""
    stale = {page: text for page in PAGES if (text := fill(page.read_text())) != page.read_text()}
    if "--check" in sys.argv[1:]:
        return int(bool(stale))
    for page, text in stale.items():
        page.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
