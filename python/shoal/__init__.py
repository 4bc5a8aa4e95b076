"""Fetch many things fast."""
