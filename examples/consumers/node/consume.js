// Print each FeatureAvailabilityEvent of a topic as a line of JSON. Event types that this program does not know are
// ignored, because later versions may add some.
//
// kafkajs is widely used, but has had no stable release since 2023. @confluentinc/kafka-javascript, which is based on
// librdkafka, has nearly the same API.
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import { decompress } from "fzstd";
import kafkajs from "kafkajs";

const { CompressionCodecs, CompressionTypes, Kafka, KafkaJSNonRetriableError, logLevel } = kafkajs;

const EVENT_TYPES = ["feature_available", "feature_unavailable"];

// The events are compressed with zstd, for which kafkajs needs a codec. Since Node 22.15, node:zlib also has one.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});

function readSetting(name, fallback) {
  const value = process.env[name] || fallback;
  if (!value) throw new Error(`${name} must be set`);
  return value;
}

async function readMessage(registry, message) {
  if (message.value === null) throw new Error("no value");
  // Decoded with the schema that wrote the event, so the fields of later schemas are kept
  const event = await registry.decode(message.value);
  const headers = Object.entries(message.headers).map(([name, value]) => [name, value.toString()]);
  return { key: message.key.toString(), headers: Object.fromEntries(headers), event };
}

// Process an event: replace this with your own work. If it throws, kafkajs retries until it succeeds. To keep the
// current state of items, see position.js.
async function work(line) {
  console.log(JSON.stringify(line));
}

async function consume() {
  const topic = readSetting("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS");
  const brokers = readSetting("KAFKA_BROKER_URL").split(",");
  // Add your authentication to the registry and to Kafka
  const registry = new SchemaRegistry({ host: readSetting("SCHEMA_REGISTRY") });
  const consumer = new Kafka({ brokers, logLevel: logLevel.WARN }).consumer({
    groupId: "example-node",
    // The work on one event must take less time, because kafkajs sends heartbeats only between events. The partitions
    // of a crashed process are reassigned after the same time.
    sessionTimeout: 300_000,
    rebalanceTimeout: 300_000,
  });

  // kafkajs restarts after a transient error, such as a broker's restart
  const ended = new Promise((resolve) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || resolve(payload.error));
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve());
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      // kafkajs commits a message's offset after this function has returned, but not if it throws
      eachMessage: async (received) => {
        let line;
        try {
          line = await readMessage(registry, received.message);
        } catch (error) {
          const { partition, message } = received;
          const place = `${topic} [${partition}] offset ${message.offset}`;
          // kafkajs would retry any other error forever, which would block the partition
          throw new KafkaJSNonRetriableError(`${place} cannot be read: ${error.message}`, { cause: error });
        }
        if (EVENT_TYPES.includes(line.event.event_type)) await work(line);
      },
    });
    const error = await ended;
    if (error) throw error;
  } finally {
    await consumer.disconnect();
  }
}

try {
  await consume();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
