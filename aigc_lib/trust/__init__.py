"""Conditions of use: privacy, encryption, provenance and cards."""
