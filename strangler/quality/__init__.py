"""Checks of data: of legacy before anything moves, of the store after it was filled, of events as they come.

Checks are declared per entity under `quality:`, others follow from the mapping (`checks`). They become expectations over
relations: the mapped SELECT in the legacy database, the store's table, or a scratch file for what has to be translated row by row
(`relations`, `legacy`, `store`, `events`). A checker, found by entry point, tests them in a process of its own (`apart`);
what it says is recorded as evidence (`runs`).
"""
