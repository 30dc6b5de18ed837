"""The example in the shape of SAP: customers and sales orders leave an ECC 6.0, with its keys, flags, dates and amounts."""
