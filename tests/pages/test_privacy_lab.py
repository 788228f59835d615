"""The Privacy lab page."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.attacks.codes import clusters, purity
from engine.attacks.measured_map import distance, points, recommend
from engine.studies.attacks.codes import BITS, METHOD
from pages.components.privacy_lab import privacy_map
from pages.components.privacy_lab import verdicts as privacy_verdicts
from pages.components.privacy_lab.layer_attacks import LAYERS, NO_TAG
from pages.components.privacy_lab.sketches import sketches_sentence
from tests.pages.reading import texts
from tests.pages.synthetic_attacks import SETTINGS, write_attacks

PARTS = {
    "Table 6": "Do the schemes that paper A compares with hold?",
    "One key for all": "Can pictures that somebody knows open the others?",
    "Looking only": "What does a scrambled picture say without any key?",
    "Jigsaw": "Can moved blocks be put together again?",
    "Layers": "Which layer of paper A's scheme carries the secret?",
    "Key strength": "How long would a thief really have to search?",
    "Toy": "Does passing the tests mean safe?",
    "Server": "What does the server learn from the codes it searches?",
    "Hiding": "What does the server see besides codes, and what does hiding it cost?",
    "Defences": "Do other masks, decoys or coarser answers make codes tell less?",
    "Picture from code": "Can a code be turned back into a picture?",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return write_attacks(tmp_path_factory.mktemp("results"), patch).parent


@pytest.fixture(autouse=True)
def with_results(monkeypatch, folder):
    monkeypatch.setattr("pages.components.kit.results.FOLDER", folder)


@pytest.fixture
def measured(folder):
    return points(json.loads((folder / "attacks.json").read_text()), "covidx-open")


def test_the_page_starts_with_what_to_sign_for_and_why(open_page, measured):
    said, best = texts(open_page("privacy_lab")), recommend(measured)
    assert f"**{privacy_map.name(best)}.** Of {len(SETTINGS) + 8} settings" in said
    assert f"right label for {best.found[0]:.0%} of test pictures" in said
    assert f"on chest X-rays the search finds {best.found[0]:.0%} right" in said, "whichever map is shown below"
    assert "Do not sign for this" in said
    assert "And know the price" in said
    told = best.chance + best.leakage("kind") * (1 - best.chance)
    assert f"can tell the kind of {told:.0%} of pictures" in said


def test_the_chosen_setting_is_at_first_the_recommended_and_every_other_can_be_looked_at(open_page, measured):
    app = open_page("privacy_lab")
    assert app.selectbox(key=privacy_map.LIST).value == privacy_map.name(recommend(measured))
    for point in measured[::5]:
        app.selectbox(key=privacy_map.LIST).set_value(privacy_map.name(point)).run()
        assert not app.exception
        assert app.metric[0].value == f"{point.found[0]:.3f}"
        assert app.metric[1].value == f"{point.bytes:,}"
        said = " ".join(one.proto.help for one in app.caption)
        for source in point.sources:
            assert f"`{source.file}`, {source.part} (commit {source.commit})" in said
            assert f"pictures {source.data[:12]}" in said


def test_both_tasks_and_every_goal(open_page):
    app = open_page("privacy_lab")
    for task in privacy_map.TASKS:
        for goal in privacy_map.GOAL_TITLES:
            app.segmented_control(key="map_task").set_value(task)
            app.segmented_control(key="map_goal").set_value(goal).run()
            assert not app.exception, (task, goal)


def test_a_task_that_favours_another_setting_says_so(measured):
    def moved(point, leak, found):
        return replace(point, advantages=dict.fromkeys(point.advantages, leak), found=[found] * 3)

    best = recommend(measured)
    other = next(point for point in measured if point.scheme == "multistage")
    task = [moved(best, 0.1, 0.6), moved(other, 0.3, 0.99)]
    (_, sign), *_ = privacy_verdicts.verdicts(task)
    assert sign.startswith(f"**{privacy_map.name(best)}.** The map of chest X-rays favours it")
    assert f"On these pictures **{privacy_map.name(other)}** comes nearer: it finds 99%." in sign
    (_, sign), *_ = privacy_verdicts.verdicts([moved(best, 0.1, 0.99), moved(other, 0.3, 0.99)])
    assert "comes nearer:" not in sign


@pytest.mark.parametrize("setting", [("Multi-stage", "16", "192", "fresh"), ("Multi-stage", "1", "0", "shared")])
def test_a_setting_opens_on_the_encrypt_page(open_page, setting):
    title, block, substitution, policy = setting
    point = privacy_map.Point(
        "multistage", int(block), int(substitution), policy, None, {}, [0.5, 0.4, 0.6], "", 0.5, 1, 1.0, ()
    )
    app = open_page("encrypt", **privacy_map.address(point))
    assert app.selectbox(key="scheme").value == "multistage"
    assert app.slider(key="block").value == int(block)
    assert app.slider(key="substitution").value == int(substitution)
    assert app.segmented_control(key="policy").value == policy


def test_the_map_draws_every_setting_where_it_was_measured(monkeypatch, measured):
    drawn = {}
    monkeypatch.setattr(privacy_map, "draw", lambda figure, **words: drawn.update(figure=figure, **words))
    for goal in privacy_map.GOAL_TITLES:
        privacy_map.draw_map(measured, goal, measured[0])
        places = {
            trace.customdata[n][0]: (trace.x[n], trace.y[n])
            for trace in drawn["figure"].data
            if trace.customdata is not None
            for n in range(len(trace.x))
        }
        assert places == {privacy_map.name(p): (p.leakage(goal), p.found[0]) for p in measured}
        assert privacy_map.name(recommend(measured)) in drawn["alt"]
    assert min(measured, key=distance) in [p for p in measured if distance(p) == distance(recommend(measured))]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_by_its_link_and_the_others_stay_closed(open_page, part):
    said = texts(open_page("privacy_lab", attack=part))
    assert [name for name, question in PARTS.items() if question in said] == [part]


def values(app) -> dict:
    return {metric.label: metric.value for metric in app.metric}


def test_one_key_falls_to_known_pictures_and_a_key_each_does_not(open_page):
    app = open_page("privacy_lab", attack="One key for all")
    app.slider(key="lab_known").set_value(8).run()
    assert float(values(app)["Similarity"]) > 0.9
    assert "The attacker has the picture." in texts(app)
    app.segmented_control(key="lab_policy").set_value("fresh").run()
    assert float(values(app)["Similarity"]) < 0.3
    assert "The attacker has nothing of the picture." in texts(app)
    app.segmented_control(key="way").set_value("Chosen pictures").run()
    assert "nothing to read off" in texts(app)
    app.segmented_control(key="lab_policy").set_value("shared").run()
    assert values(app)["Exact pixels"] == "100.0%"


@pytest.mark.parametrize(("block", "masks", "answer"), [(8, 255, "yes"), (1, 0, "yes"), (1, 255, "no")])
def test_a_picture_is_recognised_unless_blocks_are_pixels_and_masks_full(open_page, folder, block, masks, answer):
    app = open_page("privacy_lab", attack="Looking only")
    app.segmented_control(key="look_block").set_value(block)
    app.segmented_control(key="look_masks").set_value(masks).run()
    assert values(app)["Recognised in a list"] == answer
    (row,) = (
        row
        for row in json.loads((folder / "attacks.json").read_text())["settings-chest"]["rows"]
        if (row["block_size"], row["substitution"], row["policy"]) == (block, masks, "fresh")
    )
    assert values(app)["Their kind guessed"] == f"{row['kind'][0]:.1%}"


def test_moved_blocks_are_put_together_and_masked_ones_are_not(open_page):
    app = open_page("privacy_lab", attack="Jigsaw")
    assert float(values(app)["Similarity"]) > 0.6
    app.segmented_control(key="jig_stage").set_value("swapped").run()
    assert float(values(app)["Similarity"]) < 0.3


def test_every_layer_falls_alone(open_page):
    app = open_page("privacy_lab", attack="Layers")
    for name in LAYERS:
        app.segmented_control(key="layer").set_value(name).run()
        assert not app.exception
        if name != "PRESENT in ECB":
            assert float(values(app)["Similarity"]) > 0.7, name
            assert "the whole scheme holds" in texts(app), name
    app.segmented_control(key="layer").set_value(NO_TAG).run()
    assert values(app)["Whole scheme"] == "0 of 256"


def test_only_the_toy_falls_and_it_passes_the_tests(open_page):
    app = open_page("privacy_lab", attack="Toy")
    row = next(m.value for m in app.markdown if "256 keys tried" in m.value).splitlines()[-1]
    assert row.count("falls") == 1
    assert row.count("holds") == 2


def test_codes_show_their_groups_through_a_mask(open_page, folder):
    app = open_page("privacy_lab", attack="Server")
    masked = values(app)["Groups that are labels"]
    app.segmented_control(key="code_form").set_value("plain").run()
    assert values(app)["Groups that are labels"] == masked
    with np.load(folder / f"{METHOD}.npz") as file:
        codes, labels = file[f"query_{BITS}"], file["query_labels"]
    assert masked == f"{purity(clusters(codes, 3), labels).rate.mean:.1%}"
    assert values(app)["Different codes"] == str(len({code.tobytes() for code in codes}))


def test_what_masked_codes_of_galleries_tell_is_said_plainly(open_page, folder):
    rows = json.loads((folder / "attacks.json").read_text())["gallery-codes"]["galleries"]
    said = texts(open_page("privacy_lab", attack="Server"))
    assert f"the diagnoses for {rows['unseen']['purity'][0]:.0%} of the pictures" in said
    for row in rows.values():
        assert f"({row['pictures']}) | {row['purity'][0]:.3f}" in said.replace("**", "")


def test_what_sketches_and_the_dial_tell_a_server_is_shown_once_measured(open_page, folder, monkeypatch, tmp_path):
    assert "--no-sketches" not in texts(open_page("privacy_lab", attack="Server"))
    for name in ("attacks.json", "attacks.npz", f"{METHOD}.json", f"{METHOD}.npz"):
        shutil.copy(folder / name, tmp_path)
    for name in ("dial", "sketches"):
        shutil.copy(RESULTS / f"{name}.json", tmp_path)
    monkeypatch.setattr("pages.components.kit.results.FOLDER", tmp_path)
    said = texts(open_page("privacy_lab", attack="Server")).replace("**", "")
    found = json.loads((RESULTS / "sketches.json").read_text())
    for row in found["facts"].values():
        for held in ("codes", "sketches", "both"):
            assert f"{row[held]['guessed'][0]:.3f} (" in said
    assert "index --no-sketches" in said
    shares = json.loads((RESULTS / "dial.json").read_text())["shares"]
    assert f"more of the picture {shares['picture']['purity'][0]:.0%} (a guess: " in said
    assert "chosen with `index --codes`" in said


def test_a_difference_is_called_sure_only_where_its_interval_leaves_zero():
    rows = {"label": {"more": [0.1, 0.05, 0.2]}, "source": {"more": [-0.1, -0.2, -0.05]}}
    said = sketches_sentence({"facts": rows, "patient": {"more": [0.1, -0.1, 0.3]}})
    assert "label +0.100 (+0.050 to +0.200, surely more)" in said
    assert "source -0.100 (-0.200 to -0.050, surely less)" in said
    assert "patient +0.100 (-0.100 to +0.300, no sure change)" in said


def test_every_defence_is_shown_with_what_it_costs(open_page, folder):
    found = json.loads((folder / "attacks.json").read_text())["defences"]
    said = texts(open_page("privacy_lab", attack="Defences"))
    for row in found["masks"]:
        assert row["way"].capitalize() in said
    for row in found["decoys"]:
        assert f"x {row['rows']}" in said
    for row in found["coarser"]:
        assert f"{row['kept'][0]:.3f}" in said


def test_a_private_search_is_a_point_with_its_seconds_and_bytes(open_page, measured):
    app = open_page("privacy_lab")
    (point,) = (one for one in measured if (one.scheme, one.codes) == ("aes", "encrypted"))
    app.selectbox(key=privacy_map.LIST).set_value(privacy_map.name(point)).run()
    assert values(app)["A search takes"] == f"{point.search_seconds:.2f} s"


def test_every_patient_of_the_inversion_can_be_seen(open_page):
    app = open_page("privacy_lab", attack="Picture from code")
    for number in (2, 4):
        app.segmented_control(key="patient").set_value(number).run()
        assert not app.exception


def test_what_a_code_adds_is_said_of_simulated_and_of_real_pictures(open_page, folder):
    found = json.loads((folder / "attacks.json").read_text())
    said = texts(open_page("privacy_lab", attack="Picture from code"))
    for study, pictures in ((found["inversion"], "simulated pictures"), (found["descriptors"]["code"], "real X-rays")):
        mean, low, high = max(study["gain"].values())[:3]
        more = f"adds {mean:.3f} to the similarity** ({low:.3f} to {high:.3f})" if low > 0 else "adds nothing"
        assert f"**On {pictures} the code {more}" in said


def test_the_attacked_picture_is_named_with_where_it_comes_from(open_page):
    assert "Real X-ray (" in texts(open_page("privacy_lab"))


def test_without_results_the_page_names_the_command(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr("pages.components.kit.results.FOLDER", tmp_path)
    for part in PARTS:
        said = texts(open_page("privacy_lab", attack=part))
        assert "python -m engine attack all --save" in said
        assert "python -m engine attack map --save" in said
