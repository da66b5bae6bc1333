// Prints each FeatureAvailabilityEvent of a topic as a line of JSON.
//
// kafkajs is in wide use but has had no stable release since 2023; @confluentinc/kafka-javascript has nearly the same
// API, on librdkafka.
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import { decompress } from "fzstd";
import kafkajs from "kafkajs";

const { CompressionCodecs, CompressionTypes, Kafka, KafkaJSNonRetriableError, logLevel } = kafkajs;

// The events are compressed with zstd, which kafkajs leaves to a codec. From Node 22.15 on, node:zlib has one as well.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});

function readSetting(name, fallback) {
  const value = process.env[name] || fallback;
  if (!value) throw new Error(`${name} must be set`);
  return value;
}

async function readMessage(registry, message) {
  if (message.value === null) throw new Error("it has no value");
  // By the schema that the event was written with, so that it keeps the fields of later schemas too
  const event = await registry.decode(message.value);
  const headers = Object.entries(message.headers).map(([name, value]) => [name, value.toString()]);
  return { key: message.key.toString(), headers: Object.fromEntries(headers), event };
}

// What is done with an event: put your own work here. Where it throws, kafkajs calls it again, until it succeeds.
async function work(line) {
  console.log(JSON.stringify(line));
}

async function consume() {
  const topic = readSetting("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS");
  const brokers = readSetting("KAFKA_BROKER_URL").split(",");
  // Beside host and brokers: how you authenticate
  const registry = new SchemaRegistry({ host: readSetting("SCHEMA_REGISTRY") });
  const consumer = new Kafka({ brokers, logLevel: logLevel.WARN }).consumer({
    groupId: "example-node",
    // Work on one event must be shorter: kafkajs sends heartbeats only between events. So long, too, a crashed
    // process's partitions wait for another.
    sessionTimeout: 300_000,
    rebalanceTimeout: 300_000,
  });

  // kafkajs restarts by itself after a transient error, such as a broker's restart
  const ended = new Promise((resolve) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || resolve(payload.error));
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve());
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      // kafkajs commits an offset after this has returned, and never that of a message for which it threw
      eachMessage: async (received) => {
        let line;
        try {
          line = await readMessage(registry, received.message);
        } catch (error) {
          const { partition, message } = received;
          const place = `${topic} [${partition}] offset ${message.offset}`;
          // kafkajs retries after any other error for ever, and the partition stands still
          throw new KafkaJSNonRetriableError(`${place} cannot be read: ${error.message}`, { cause: error });
        }
        await work(line);
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
