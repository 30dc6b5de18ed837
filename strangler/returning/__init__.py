"""Returning: what the new service writes goes back to legacy, as long as new owns the function.

So the functions that are still on legacy see it, and a rollback loses nothing. The way is

    outbox ──▶ inverse mapping ──▶ compare ──▶ legacy, marked as returned ──▶ done in the outbox
                                      └▶ conflict, held for a decision

and what it wrote is known for an echo when the connector reads it (`echo`). States are returned, not steps: an aggregate is read as it
now is, and legacy becomes that, if it is what new last saw of it.
"""
