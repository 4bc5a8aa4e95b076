"""Unusual and hostile test servers on loopback sockets, each with its own thread for the duration of a test."""
