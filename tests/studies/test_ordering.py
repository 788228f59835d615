import json

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.studies.ordering import report_ordering


def made_up(seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    arrays = {}
    for side, count in (("query", 24), ("gallery", 40)):
        arrays[f"{side}_labels"] = np.arange(count) % 3
        arrays[f"{side}_codes"] = np.where(np.arange(count) % 2, 255, 0)[:, None].repeat(6, 1).astype(np.uint8)
        arrays[f"{side}_descriptors"] = draw.integers(-127, 128, (count, 64)).astype(np.int8)
    return arrays | {"query_patients": np.arange(24) // 2}


def test_the_order_is_that_of_a_naive_sort_by_distance_and_then_by_likeness() -> None:
    arrays = made_up()
    figures = report_ordering(arrays)["figures"]
    described = {side: arrays[f"{side}_descriptors"].astype(float) for side in ("query", "gallery")}
    shares = []
    for i, descriptor in enumerate(described["query"]):
        near = []
        for j, other in enumerate(described["gallery"]):
            apart = np.unpackbits(arrays["query_codes"][i] ^ arrays["gallery_codes"][j]).sum()
            cosine = descriptor @ other / np.linalg.norm(descriptor) / np.linalg.norm(other)
            near.append((apart, -cosine, arrays["gallery_labels"][j] == arrays["query_labels"][i]))
        shares.append(np.mean([same for _, _, same in sorted(near)[:10]]))
    assert figures["three_class_p_at_10"]["ordered"][0] == pytest.approx(np.mean(shares), abs=1e-6)


def test_a_patient_whose_pictures_are_alike_is_found_only_with_descriptors() -> None:
    arrays = made_up()
    arrays["query_codes"][:] = 0
    arrays["query_descriptors"] = arrays["query_descriptors"][np.arange(24) // 2 * 2]
    found = report_ordering(arrays)
    assert found["patient_queries"] == 24
    row = found["figures"]["patient_among_ten"]
    assert row["ordered"] == [1, 1, 1]
    # One of 23 others is the patient's, and ten are shown.
    assert row["code"][0] == pytest.approx(10 / 23, abs=1e-6)
    assert row["difference"][0] == pytest.approx(13 / 23, abs=1e-6)


def test_pictures_of_patients_with_one_picture_do_not_ask() -> None:
    arrays = made_up() | {"query_patients": np.array([0, 0, *range(1, 23)])}
    assert report_ordering(arrays)["patient_queries"] == 2


@pytest.mark.skipif(not (RESULTS / "ordering.json").exists(), reason="not measured yet: python -m engine ordering")
def test_the_shipped_figures_follow_from_the_shipped_descriptors() -> None:
    stored = json.loads((RESULTS / "ordering.json").read_text())
    found = report_ordering(np.load(RESULTS / "ordering.npz", allow_pickle=False))
    assert found == {name: stored[name] for name in ("figures", "patient_queries")}
