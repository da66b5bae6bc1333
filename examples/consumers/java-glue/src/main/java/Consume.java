import com.amazonaws.services.schemaregistry.deserializers.GlueSchemaRegistryKafkaDeserializer;
import com.amazonaws.services.schemaregistry.utils.AWSSchemaRegistryConstants;
import com.amazonaws.services.schemaregistry.utils.AvroRecordType;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.RecordDeserializationException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints each FeatureAvailabilityEvent of a topic as a line of JSON, with the schemas in AWS Glue Schema Registry.
 * Event types that this program does not know are ignored, because later versions may add some.
 *
 * <p>The deserializer requests each schema version from Glue once, by the version's id in the message. It needs only the
 * permission glue:GetSchemaVersion, and no registry name.
 */
public final class Consume {
    private static final Set<String> EVENT_TYPES = Set.of("feature_available", "feature_unavailable");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    public static void main(String[] arguments) {
        int status = 0;
        try {
            String topic = setting("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS");
            Map<String, Object> settings = Map.of(
                    "bootstrap.servers", setting("KAFKA_BROKER_URL", null), // add your authentication
                    "group.id", "example-java-glue",
                    "auto.offset.reset", "earliest",
                    "enable.auto.commit", false,
                    "key.deserializer", StringDeserializer.class,
                    "value.deserializer", GlueSchemaRegistryKafkaDeserializer.class,
                    AWSSchemaRegistryConstants.AWS_REGION, setting("AWS_REGION", null),
                    // Decodes with the schema that wrote the event, so the fields of later schemas are kept
                    AWSSchemaRegistryConstants.AVRO_RECORD_TYPE, AvroRecordType.GENERIC_RECORD.getName());
            try (var consumer = new KafkaConsumer<String, GenericRecord>(settings)) {
                endOnSignal(consumer, Thread.currentThread());
                consume(consumer, topic);
            }
        } catch (RecordDeserializationException bad) {
            var partition = bad.topicPartition();
            explain(unreadable(partition.topic(), partition.partition(), bad.offset()), bad.getCause());
            status = 1;
        } catch (Exception error) {
            explain("", error);
            status = 1;
        }
        // exit would block after a signal, and the JVM would end with the signal's status
        Runtime.getRuntime().halt(status);
    }

    private static void consume(KafkaConsumer<String, GenericRecord> consumer, String topic)
            throws JsonProcessingException {
        consumer.subscribe(List.of(topic));
        try {
            while (true) {
                for (ConsumerRecord<String, GenericRecord> message : consumer.poll(Duration.ofSeconds(1))) {
                    if (EVENT_TYPES.contains(read(message).get("event_type").toString())) {
                        print(message);
                    }
                }
                consumer.commitSync(); // after printing, so that unprinted messages are read again after a restart
            }
        } catch (WakeupException stopped) {
            consumer.commitSync(); // a wakeup never interrupts printing, so all polled messages have been printed
        }
    }

    private static GenericRecord read(ConsumerRecord<String, GenericRecord> message) {
        if (message.value() == null) {
            throw new SerializationException(
                    unreadable(message.topic(), message.partition(), message.offset()) + "no value");
        }
        return message.value();
    }

    /**
     * Processes an event: replace this with your own work. To keep the current state of items, copy Position.java of the
     * Java example.
     */
    private static void print(ConsumerRecord<String, GenericRecord> message) throws JsonProcessingException {
        var headers = JSON.createObjectNode();
        for (var header : message.headers()) {
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        var line = JSON.createObjectNode().put("key", message.key());
        line.set("headers", headers);
        line.set("event", JSON.readTree(message.value().toString())); // toString of a record is JSON
        OUT.println(JSON.writeValueAsString(line));
    }

    /** Ends the loop on SIGTERM or Ctrl-C, and makes the JVM wait until the consumer has left its group. */
    private static void endOnSignal(KafkaConsumer<?, ?> consumer, Thread reading) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                reading.join();
            } catch (InterruptedException ignored) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    private static String unreadable(String topic, int partition, long offset) {
        return "%s [%d] offset %d cannot be read: ".formatted(topic, partition, offset);
    }

    private static void explain(String place, Throwable error) {
        System.err.println(place + error);
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            System.err.println("caused by " + cause);
        }
    }

    private static String setting(String name, String fallback) {
        String value = System.getenv().getOrDefault(name, "");
        if (value.isEmpty() && fallback == null) {
            throw new IllegalArgumentException(name + " must be set");
        }
        return value.isEmpty() ? fallback : value;
    }
}
