"""Proxies that are followed: real ones, with the real command beside them."""
