"""OData 2 and 4, put to a REST service. See docs/protocols.md.

    protocol:
      kind: odata
      options:
        version: 2
        root: /sap/opu/odata/sap/API_BUSINESS_PARTNER
        csrf: true                        # callers fetch a token and send it with every write
        sets:
          A_BusinessPartner:
            type: API_BUSINESS_PARTNER.A_BusinessPartnerType
            path: /customers              # where the service has its records; see `strangler_adapters.protocols.records`
            key: [BusinessPartner]
            fields:
              BusinessPartner: id | zeros(10)
              CreationDate: created_on | date
        operations:                       # function imports and actions, by name: values are `key.…`, `query.…`, `body.…`
          BlockPartner:
            ask: POST /customers/{query.BusinessPartner | zeros(10)}/block

`$filter` takes `eq`, `and`, `in` (also as `or` on one field), `startswith`, `endswith`, `contains` and `substringof`.
"""

from __future__ import annotations

from strangler_adapters.protocols.odata.connecting import connect as connect
