"""JSON-RPC as Tryton and Odoo speak it, and as its second version has it, put to a REST service. See docs/protocols.md.

    protocol:
      kind: jsonrpc
      options:
        dialect: tryton                   # tryton, odoo or standard
        model: party.party                # the model whose methods are translated
        path: /parties                    # where the service has its records; see `strangler_adapters.protocols.records`
        fields:                           # field as legacy's callers know it: field of the service
          id: id
          name: name
          create_date: created_at | timestamp
        batch: 1                          # most records of one create, write or delete
        operations:                       # methods that are no reading and writing of records
          model.party.party.merge:
            ask: POST /parties/{params.0.0}/merge

A batch of more than one is several calls and so not atomic as it was in the ERP; that is why it must be asked for.
"""

from __future__ import annotations

from strangler_adapters.protocols.jsonrpc.connecting import connect as connect
