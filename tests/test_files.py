from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.files import written_whole


def fail_halfway(path):
    with written_whole(path) as partial:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_failed_write_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "weights.safetensors"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([] if before is None else [before])


def test_two_writers_do_not_mix(tmp_path):
    def write(letter):
        with written_whole(tmp_path / "cache.npy") as partial:
            assert partial.suffix == ".npy"
            with partial.open("wb") as file:
                for _ in range(200):
                    file.write(letter * 5000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [b"a", b"b", b"c", b"d"]))
    (file,) = tmp_path.iterdir()
    assert len(set(file.read_bytes())) == 1
