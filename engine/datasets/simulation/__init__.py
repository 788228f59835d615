"""Simulated chest radiographs: projections of one real chest CT, varied, with opacities inserted in 3-D."""

from engine.datasets.simulation.patient import Simulation, simulate
from engine.datasets.simulation.scan import Scan, load_scan, obtain_wheel

__all__ = ["Scan", "Simulation", "load_scan", "obtain_wheel", "simulate"]
