// Command keep_state keeps each item's current event with the example's position, and prints the events by item.
package main

import (
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type line struct {
	Item      string          `json:"item"`
	Timestamp int64           `json:"timestamp_ms"`
	Sequence  *string         `json:"ce_sequence"`
	Offset    int64           `json:"offset"`
	Event     json.RawMessage `json:"event"`
}

func (l line) record() *kgo.Record {
	record := &kgo.Record{Timestamp: time.UnixMilli(l.Timestamp), Offset: l.Offset}
	if l.Sequence != nil {
		record.Headers = []kgo.RecordHeader{{Key: "ce_sequence", Value: []byte(*l.Sequence)}}
	}
	return record
}

func main() {
	positions, events := map[string]position{}, map[string]json.RawMessage{}
	for lines := json.NewDecoder(os.Stdin); lines.More(); {
		var read line
		if err := lines.Decode(&read); err != nil {
			log.Fatal(err)
		}
		found, err := newPosition(read.record())
		if err != nil {
			log.Fatal(err)
		}
		if kept, known := positions[read.Item]; !known || found.isNewerThan(kept) {
			positions[read.Item], events[read.Item] = found, read.Event
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(events); err != nil {
		log.Fatal(err)
	}
}
