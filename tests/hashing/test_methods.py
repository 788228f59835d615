"""The registry of methods names what exists, and needs no torch to be read."""

import subprocess
import sys

from engine.hashing.losses import LOSSES, RELAXATIONS, TARGETS
from engine.hashing.methods import CODE_METHODS, METHODS
from engine.training.config import MATDH_WEIGHTS, PRESETS, RATES
from engine.training.run import configuration, method_changes
from models.hashing import ENCODERS

OF_THE_NETWORK = {"reconstruction", "classification"}


def test_methods_name_what_exists() -> None:
    for name, method in METHODS.items():
        config = configuration(name, "baselines", 0)
        assert config.encoder in ENCODERS
        assert config.targets in TARGETS
        assert config.relaxation in RELAXATIONS
        assert method.rate is None or method.rate in RATES
        assert set(method.losses or {}) <= {*LOSSES, *OF_THE_NETWORK}


def test_a_method_changes_neither_pictures_nor_budget() -> None:
    own = {"encoder", "enhanced", "relaxation", "targets", "weights", "learning_rate"}
    assert set().union(*(method_changes(method) for method in METHODS)) <= own


def test_matdh_has_the_losses_of_its_preset() -> None:
    assert configuration("matdh", "baselines", 0).weights == PRESETS["baselines"].weights == MATDH_WEIGHTS


def test_stored_configurations_name_every_term() -> None:
    stored = configuration("dpn", "baselines", 0).as_dict()["weights"]
    assert stored["polarization"] == 1.0
    assert stored.keys() >= {*LOSSES, *OF_THE_NETWORK, *MATDH_WEIGHTS}
    assert sum(stored.values()) == 1.0


def test_every_method_without_bits_is_left_out_of_those_with_codes() -> None:
    assert set(METHODS) - set(CODE_METHODS) == {"xmir"}


def test_the_registry_is_read_without_torch() -> None:
    ask = "import sys, engine.hashing.methods; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0
