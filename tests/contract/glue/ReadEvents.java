import com.amazonaws.services.schemaregistry.deserializers.GlueSchemaRegistryKafkaDeserializer;
import com.amazonaws.services.schemaregistry.utils.AWSSchemaRegistryConstants;
import com.amazonaws.services.schemaregistry.utils.AvroRecordType;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

/**
 * Reads events as a consumer on AWS's own deserializer does.
 *
 * Standard input has a message's value a line, in base64. Standard output has an event a line: its fields in the
 * schema's order with blanks between. A text is in base64 behind a "t"; a list is an "l" and its texts, with commas
 * between.
 */
public class ReadEvents {
    /** The arguments are Glue's endpoint, its region and the topic. */
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            AWSSchemaRegistryConstants.AWS_ENDPOINT, arguments[0],
            AWSSchemaRegistryConstants.AWS_REGION, arguments[1],
            AWSSchemaRegistryConstants.AVRO_RECORD_TYPE, AvroRecordType.GENERIC_RECORD.getName());
        var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));
        var deserializer = new GlueSchemaRegistryKafkaDeserializer(credentials, settings);
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            var event = (GenericRecord) deserializer.deserialize(arguments[2], Base64.getDecoder().decode(line));
            var fields = new StringJoiner(" ");
            for (Schema.Field field : event.getSchema().getFields()) {
                fields.add(toText(event.get(field.pos())));
            }
            System.out.println(fields);
        }
    }

    private static String toText(Object value) {
        if (value instanceof List<?> members) {
            var texts = new StringJoiner(",", "l", "");
            members.forEach(member -> texts.add(toText(member)));
            return texts.toString();
        }
        return "t" + Base64.getEncoder().encodeToString(value.toString().getBytes(StandardCharsets.UTF_8));
    }
}
