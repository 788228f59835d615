from pathlib import Path

import pytest

from engine.datasets import TASKS, DataError, Task
from engine.datasets.facts import facts_of, task_facts
from engine.datasets.manifest import read_manifest


def test_facts_are_the_manifests_rows():
    facts = task_facts(TASKS["cxr"])
    records = [record for record in read_manifest("cxr-open", Path()) if record.split != "excluded"]
    assert facts.ids.tolist() == [record.id for record in records]
    assert [TASKS["cxr"].labels[n] for n in facts.labels] == [record.label for record in records]
    place = facts.ids.tolist().index("cs01600")
    assert (facts.origins[place], facts.views[place], facts.collections[place]) == ("hannover", "PA", "cxr-sources")
    assert facts.patients[place] == "hannover b0f73b8c"


def test_labels_that_a_task_does_not_ask_for_are_left_out():
    task = Task("two", "covidx-open", ("pneumonia", "normal"), "pneumonia")
    facts = facts_of(read_manifest("covidx-open", Path()), task)
    assert len(facts) == 999
    assert set(facts.findings[facts.labels == 0]) == {"pneumonia"}


def test_pictures_are_looked_up_in_the_order_asked_for():
    facts = task_facts(TASKS["covidx"])
    few = facts.of_ids(["cx00002", "cx00000"])
    assert few.ids.tolist() == ["cx00002", "cx00000"]
    assert few.groups.tolist() == ["g00001", "g00000"]
    with pytest.raises(DataError, match="knows no picture 'cx99999'"):
        facts.of_ids(["cx00002", "cx99999"])
