"""Data planes: the routing table as configuration of proxies that stand in front of an ERP already."""
