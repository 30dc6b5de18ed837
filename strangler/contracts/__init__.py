"""Contracts: what the events on the log are, written down for those who read them, in the words of their tools.

    made = contract.contracts("shop", mappings)           # one for each event type and version of its mapping
    schemas.whole(made[0]), schemas.document("shop", made) # JSON Schema 2020-12
    asyncapi.document("shop", made, log.address)           # AsyncAPI 3.0

Computed from the compiled mappings, so that a contract says what the boundary does and nothing else. Of mappings of earlier
versions, whose events are on the log too, nothing is known here: keep the contracts of a version with it.
"""
