"""Records: a collection of the new service, for the contracts that ask for records by general means: models of Tryton and Odoo,
entity sets of OData.

The service answers `{"items": […], "total": n}`, a record, or `application/problem+json`. It must refuse a query parameter or a field that
it doesn't know (400 or 422), since that is how it says what it can't be asked.

| asked for | service |
| --- | --- |
| records by key | `GET path?ids=1,2` |
| a search | `GET path?name=…&name_like=…&order=name,-id&limit=…&offset=…` |
| a new record | `POST path` |
| a change | `PATCH path/id` |
| a removal | `DELETE path/id` |

`…_like` takes `%` and `_` whatever the case. What isn't in this table is refused, never guessed.
"""
