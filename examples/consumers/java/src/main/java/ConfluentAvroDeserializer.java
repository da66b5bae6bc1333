import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads Confluent's wire format by any registry with Confluent's API: a zero byte, the schema's id, and Avro.
 *
 * <p>Confluent's own io.confluent:kafka-avro-serializer does the same and more, but is not on Maven Central. A team that
 * has Confluent's repository uses its KafkaAvroDeserializer in place of this class. Apicurio's deserializer is on Maven
 * Central and asks only a registry of its own API.
 */
final class ConfluentAvroDeserializer implements Deserializer<GenericRecord> {
    private static final int PREFIX = 5;
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private final String registry;
    private final HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
    private final Map<Integer, Schema> schemas = new HashMap<>();

    ConfluentAvroDeserializer(String registry) {
        this.registry = registry.replaceAll("/+$", "");
    }

    @Override
    public GenericRecord deserialize(String topic, byte[] value) {
        if (value == null || value.length < PREFIX || value[0] != 0) {
            throw new SerializationException("the value is not in the registry's wire format");
        }
        int id = ByteBuffer.wrap(value, 1, Integer.BYTES).getInt();
        // By the schema that the event was written with, so that it keeps the fields of later schemas too
        Schema schema = schemas.computeIfAbsent(id, this::fetch);
        try {
            var data = DecoderFactory.get().binaryDecoder(value, PREFIX, value.length - PREFIX, null);
            return new GenericDatumReader<GenericRecord>(schema).read(null, data);
        } catch (IOException | AvroRuntimeException error) {
            throw new SerializationException("the value is not of the schema with id " + id, error);
        }
    }

    private Schema fetch(int id) {
        // Where your registry authenticates you: .header("Authorization", ...) here, or .sslContext(...) of the HttpClient
        var request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).timeout(TIMEOUT).build();
        try {
            var answer = http.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new SerializationException(
                        "the registry answers " + answer.statusCode() + " for the schema with id " + id);
            }
            return new Schema.Parser().parse(new ObjectMapper().readTree(answer.body()).get("schema").asText());
        } catch (IOException error) {
            throw new SerializationException("the registry did not answer for the schema with id " + id, error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new SerializationException("interrupted", error);
        }
    }
}
