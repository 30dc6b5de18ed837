"""The contract language: what of a legacy call goes where in the call to the new service, and back. The same for all protocols.

    operations:
      GetCustomer:
        ask: GET /customers/{CustomerNo | zeros(10)}
        answer:
          Name: name
          CreditLimit: credit | decimal(2)
          Contact[contacts]: {Mail: email}

A string is a source: the dotted path of a value and what is done to it on its way. `sources` reads them, `conversions` says what can
be done, `structure` builds what is nested, `operation` puts them together, `translation` carries it out.
"""
