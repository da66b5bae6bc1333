import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The position of an event among the events of its item. By the state rule, the event with the newest position is
 * current.
 *
 * <p>An item is identified by ce_source, entity_type, entity_id and resource_name. To keep the current state of all
 * items, store the position of each item's current event, and ignore an event whose position is not newer. This also
 * ignores duplicates and late events. If the table has one feature per item, or with FeaturesMode=changed, do this for
 * each feature. An event's own timestamp is the time according to the item, and does not order events.
 *
 * @param timestampMs the timestamp of the Kafka message
 * @param sequence the header ce_sequence, a number of up to 40 digits, or -1 without the header
 * @param offset the offset of the Kafka message
 */
public record Position(long timestampMs, BigInteger sequence, long offset) {
    private static final BigInteger NO_SEQUENCE = BigInteger.ONE.negate();
    private static final Comparator<Position> ORDER = Comparator.comparingLong(Position::timestampMs)
            .thenComparing(Position::sequence)
            .thenComparingLong(Position::offset);

    /** Makes the position of a message. */
    public static Position of(ConsumerRecord<?, ?> message) {
        var header = message.headers().lastHeader("ce_sequence");
        var sequence = header == null
                ? NO_SEQUENCE
                : new BigInteger(new String(header.value(), StandardCharsets.US_ASCII));
        return new Position(message.timestamp(), sequence, message.offset());
    }

    /** Returns whether the event at this position wins over the other event of the same item. */
    public boolean isNewerThan(Position other) {
        return ORDER.compare(this, other) > 0;
    }
}
