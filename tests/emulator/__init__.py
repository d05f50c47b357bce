"""A loopback Azure: real TLS, real tokens, no cloud (README.md)."""
