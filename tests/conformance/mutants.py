"""Simulators that break one clause of the contract each: what the checks must be able to see."""

from tests.conformance import mutants_rest, mutants_trading
from tests.conformance.mutation import MUTANTS, Mutant

MODULES = (mutants_rest, mutants_trading)

__all__ = ["MODULES", "MUTANTS", "Mutant"]
