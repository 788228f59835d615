from dataclasses import replace

import numpy as np
import pytest

from engine.datasets import load_dataset
from engine.training.pictures import framed_pictures


def test_frames_that_were_half_written_do_not_count(tmp_path, monkeypatch):
    gallery = load_dataset("simulated")
    few = replace(gallery, records=gallery.records[:2])
    save = np.save

    def stopped(path, pixels):
        save(path, pixels[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        framed_pictures(few, 32, cache=tmp_path)
    monkeypatch.undo()
    assert len(framed_pictures(few, 32, cache=tmp_path).pixels) == 2
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
