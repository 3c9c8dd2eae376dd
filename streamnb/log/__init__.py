"""Topics: the embedded durable log and Apache Kafka."""
