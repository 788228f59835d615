import numpy as np
import pytest

from engine.datasets import COLLECTIONS, TASKS, DataError, Task, find_task, load_dataset


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_a_task_asks_for_labels_that_its_collection_has(task):
    assert set(task.labels) <= set(COLLECTIONS[task.collection].classes)
    assert task.labels[task.position] == task.positive


def test_a_task_is_found_by_its_collection_too():
    assert find_task("cxr-open") is find_task("cxr")
    with pytest.raises(DataError, match="no task named 'anatomy': choose one of covidx, cxr, simulated"):
        find_task("anatomy")


def test_the_positive_label_may_stand_anywhere_and_labels_may_be_left_out():
    task = Task("lungs", "simulated", ("pneumonia", "covid-19"), "covid-19")
    dataset, whole = task.load(), load_dataset("simulated")
    assert dataset.classes == ("pneumonia", "covid-19")
    expected = [record.label == "covid-19" for record in whole.records if record.label != "normal"]
    assert np.array_equal(task.is_positive(dataset.labels), expected)
