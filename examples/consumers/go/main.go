// Command consume prints each FeatureAvailabilityEvent of a topic as a line of JSON. Event types that it does not know
// are ignored, because later versions may add some.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

var eventTypes = []string{"feature_available", "feature_unavailable"}

// line is the printed form of a message.
type line struct {
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Event   json.RawMessage   `json:"event"`
}

// decoder decodes each event with the schema that wrote it, so it keeps the fields of later schemas.
type decoder struct {
	registry *sr.Client
	schemas  map[int]*avro.Schema
}

func (d *decoder) decode(ctx context.Context, value []byte) (json.RawMessage, error) {
	var prefix sr.ConfluentHeader
	id, data, err := prefix.DecodeID(value)
	if err != nil {
		return nil, fmt.Errorf("the value is not in Confluent's wire format: %w", err)
	}
	schema, err := d.schema(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w", id, err)
	}
	var event any
	if _, err := schema.Decode(data, &event); err != nil {
		return nil, fmt.Errorf("the value does not match schema id %d: %w", id, err)
	}
	return schema.EncodeJSON(event)
}

// schema requests each schema from the registry once. The schema of an id never changes.
func (d *decoder) schema(ctx context.Context, id int) (*avro.Schema, error) {
	if schema, known := d.schemas[id]; known {
		return schema, nil
	}
	registered, err := d.registry.SchemaByID(ctx, id)
	if err != nil {
		return nil, err
	}
	schema, err := avro.Parse(registered.Schema)
	if err != nil {
		return nil, err
	}
	d.schemas[id] = schema
	return schema, nil
}

// read returns a message's event, or nil if the event's type is unknown.
func (d *decoder) read(ctx context.Context, record *kgo.Record) (json.RawMessage, error) {
	var fields struct {
		EventType string `json:"event_type"`
	}
	event, err := d.decode(ctx, record.Value)
	if err == nil {
		err = json.Unmarshal(event, &fields)
	}
	if err != nil {
		return nil, fmt.Errorf("%s [%d] offset %d cannot be read: %w", record.Topic, record.Partition, record.Offset, err)
	}
	if !slices.Contains(eventTypes, fields.EventType) {
		return nil, nil
	}
	return event, nil
}

// work processes an event: replace it with your own work. To keep the current state of items, see position.go.
func work(record *kgo.Record, event json.RawMessage) error {
	headers := make(map[string]string, len(record.Headers))
	for _, each := range record.Headers {
		headers[each.Key] = string(each.Value)
	}
	return json.NewEncoder(os.Stdout).Encode(line{string(record.Key), headers, event})
}

// pollLimit keeps the time between commits short. A fetch can contain 50 MiB from each broker.
const pollLimit = 100

func run(ctx context.Context, brokers, registryURL, topic string) error {
	registry, err := sr.NewClient(sr.URLs(registryURL)) // add your authentication, such as sr.BasicAuth
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...), // add your authentication, such as kgo.SASL
		kgo.ConsumerGroup("example-go"),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),          // keep partitions until their records are committed
		kgo.RebalanceTimeout(5*time.Minute), // a member that takes longer leaves its group
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
	)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()

	events := decoder{registry, map[int]*avro.Schema{}}
	for {
		fetches := client.PollRecords(ctx, pollLimit)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		// A signal interrupts the poll, but not the processing of records
		if err := process(context.WithoutCancel(ctx), client, fetches.Records(), &events); err != nil {
			return err
		}
		client.AllowRebalance()
	}
}

// process commits the processed records, even if a later record fails. A restart resumes with the failed record.
func process(ctx context.Context, client *kgo.Client, records []*kgo.Record, events *decoder) error {
	for number, record := range records {
		event, err := events.read(ctx, record)
		if err == nil && event != nil {
			err = work(record, event)
		}
		if err != nil {
			return errors.Join(err, client.CommitRecords(ctx, records[:number]...))
		}
	}
	return client.CommitRecords(ctx, records...)
}

func setting(name, fallback string) string {
	value := os.Getenv(name)
	if value == "" {
		value = fallback
	}
	if value == "" {
		log.Fatalf("%s must be set", name)
	}
	return value
}

func main() {
	log.SetFlags(0)
	brokers, registry := setting("KAFKA_BROKER_URL", ""), setting("SCHEMA_REGISTRY", "")
	topic := setting("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, brokers, registry, topic); err != nil {
		log.Fatal(err)
	}
}
