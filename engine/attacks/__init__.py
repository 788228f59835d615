"""What an honest-but-curious server or a thief can try, each attack with a stated adversary and a measured outcome."""

from engine.attacks.outcome import Adversary, AttackError, Guesses, Outcome, judge

__all__ = ["Adversary", "AttackError", "Guesses", "Outcome", "judge"]
