"""ksqlDB's public cases, run against streamnb."""
