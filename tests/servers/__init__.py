"""Odd and hostile servers for the tests: real sockets on loopback, each in a thread of its own, gone after the test."""
