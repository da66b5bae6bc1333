// The state rule: of two events about one item, the one with the newer position is current.
//
// An item is identified by ce_source, entity_type, entity_id and resource_name. To keep the current state of all items,
// store the position of each item's current event, and ignore an event whose position is not newer. This also ignores
// duplicates and late events. If the table has one feature per item, or with FeaturesMode=changed, do this for each
// feature. An event's own `timestamp` is the time according to the item, and does not order events.
export class Position {
  constructor(timestampMs, sequence, offset) {
    this.timestampMs = timestampMs;
    this.sequence = sequence;
    this.offset = offset;
  }

  // Make a position from a message of kafkajs. The header ce_sequence is a number of up to 40 digits, so it needs a
  // BigInt. Without the header, the sequence is -1.
  static of({ timestamp, headers, offset }) {
    const sequence = headers?.ce_sequence;
    return new Position(
      BigInt(timestamp),
      sequence === undefined ? -1n : BigInt(sequence.toString()),
      BigInt(offset),
    );
  }

  // Return whether the event at this position wins over the other event of the same item.
  isNewerThan(other) {
    if (this.timestampMs !== other.timestampMs) return this.timestampMs > other.timestampMs;
    if (this.sequence !== other.sequence) return this.sequence > other.sequence;
    return this.offset > other.offset;
  }
}
