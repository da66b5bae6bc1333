import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;

/** Keeps each item's current event with the example's Position, and prints the events by item. */
public final class KeepState {
    public static void main(String[] arguments) throws Exception {
        var json = new ObjectMapper();
        Map<String, Position> positions = new HashMap<>();
        Map<String, JsonNode> events = new HashMap<>();
        try (var lines = json.readerFor(JsonNode.class).<JsonNode>readValues(System.in)) {
            while (lines.hasNext()) {
                JsonNode line = lines.next();
                String item = line.get("item").asText();
                Position position = Position.of(record(line));
                if (!positions.containsKey(item) || position.isNewerThan(positions.get(item))) {
                    positions.put(item, position);
                    events.put(item, line.get("event"));
                }
            }
        }
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(json.writeValueAsString(events));
    }

    private static ConsumerRecord<String, String> record(JsonNode line) {
        var headers = new RecordHeaders();
        if (!line.get("ce_sequence").isNull()) {
            headers.add("ce_sequence", line.get("ce_sequence").asText().getBytes(StandardCharsets.UTF_8));
        }
        return new ConsumerRecord<>(
                "T", 0, line.get("offset").asLong(), line.get("timestamp_ms").asLong(), TimestampType.CREATE_TIME,
                0, 0, null, null, headers, Optional.empty());
    }
}
