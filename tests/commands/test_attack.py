from engine.commands.attack import intervals


def test_only_numbers_in_threes_are_intervals() -> None:
    found = {
        "classes": ["bone", "brain", "chest"],
        "rows": [{"form": "masked", "bits": 48, "confirm": [0.1, 0.0, 0.2]}],
        "pair": [1, 2],
    }
    assert list(intervals(found, ("study",))) == [("study rows masked 48 confirm", [0.1, 0.0, 0.2])]
