"""Protocols: how calls in the contracts that ERPs have are put to a new service that speaks REST and JSON."""
