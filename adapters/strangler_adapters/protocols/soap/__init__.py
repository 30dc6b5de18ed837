"""SOAP: operations of SOAP 1.1 and 1.2, document or rpc style with literal values, put to a REST service. See docs/protocols.md.

    protocol:
      kind: soap
      options:
        namespace: urn:sap-com:document:sap:rfc:functions
        operations:
          GetCustomer:
            ask: GET /customers/{CustomerNo | zeros(10)}
            answer:
              Customer: {Name: name, CreditLimit: credit | decimal(2)}
        errors:
          404: {code: NO_CUSTOMER, message: "No customer with this number"}

An operation is the local name of the first element of the Body. Values are its elements by local name, attributes as `@name`, text
beside attributes as `#text`. A fault is a Fault of the caller's version.
"""

from __future__ import annotations

from strangler_adapters.protocols.soap.contract import connect as connect
