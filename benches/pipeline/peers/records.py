"""What the Python peers share: a topic's records as rows, a pane of event time at a time."""

import csv
import os
import sys
import time

import orjson
from confluent_kafka import Consumer, TopicPartition

PARTITIONS = 4
# Panes of a minute: the first characters of an event's time name its own.
MINUTE = len("2026-03-04T10:00")
PANES_A_WINDOW = 10


def panes(topic, count):
    """The values of each minute's rows, once every partition has passed it; `count` records in all."""
    consumer = Consumer({
        "bootstrap.servers": os.environ["KAFKA_BROKERS"],
        "group.id": "peer",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    rows, passed, seen = {}, [""] * PARTITIONS, 0
    while seen < count:
        for message in consumer.consume(10_000, 1.0):
            event = orjson.loads(message.value())
            minute = event["time"][:MINUTE]
            values = event["features"]
            values["prediction"] = event["prediction"]
            rows.setdefault(minute, []).append(values.values())
            passed[message.partition()] = minute
            seen += 1
        for minute in sorted(rows):
            if minute >= min(passed):
                break
            yield rows.pop(minute)
    for minute in sorted(rows):
        yield rows[minute]


def arguments():
    """Topic, number of records, and the reference's columns by name; numbers are floats."""
    topic, count, path = sys.argv[1:4]
    with open(path, newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    columns = dict(zip(names, zip(*rows)))
    reference = {name: values if is_category(name) else [float(value) for value in values]
                 for name, values in columns.items()}
    return topic, int(count), reference


def is_category(name):
    return name.startswith("category")


def done():
    """Says so and waits to be ended, so that what was used can be read."""
    print("done", flush=True)
    while True:
        time.sleep(60)
