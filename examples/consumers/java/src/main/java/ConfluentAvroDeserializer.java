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
 * Decodes Confluent's wire format with any registry that has Confluent's API: a zero byte, the schema id, and Avro.
 *
 * <p>If you can use Confluent's Maven repository, use KafkaAvroDeserializer of io.confluent:kafka-avro-serializer instead
 * of this class. It is not on Maven Central. Apicurio's deserializer is, but it supports only Apicurio's own API.
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
            throw new SerializationException("the value is not in Confluent's wire format");
        }
        int id = ByteBuffer.wrap(value, 1, Integer.BYTES).getInt();
        // The schema that wrote the event, so the fields of later schemas are kept
        Schema schema = schemas.computeIfAbsent(id, this::fetch);
        try {
            var data = DecoderFactory.get().binaryDecoder(value, PREFIX, value.length - PREFIX, null);
            return new GenericDatumReader<GenericRecord>(schema).read(null, data);
        } catch (IOException | AvroRuntimeException error) {
            throw new SerializationException("the value does not match schema id " + id, error);
        }
    }

    private Schema fetch(int id) {
        // For authentication, add .header("Authorization", ...) here, or .sslContext(...) to the HttpClient
        var request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).timeout(TIMEOUT).build();
        try {
            var response = http.send(request, BodyHandlers.ofString());
            if (response.statusCode() != 200) {
                throw new SerializationException(
                        "schema id " + id + ": the registry returned HTTP status " + response.statusCode());
            }
            return new Schema.Parser().parse(new ObjectMapper().readTree(response.body()).get("schema").asText());
        } catch (IOException error) {
            throw new SerializationException("schema id " + id + ": the registry is not responding", error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new SerializationException("interrupted", error);
        }
    }
}
