package main

import (
	"cmp"
	"fmt"
	"math/big"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// position is the position of an event among the events of its item. By the state rule, the event with the newest
// position is current.
//
// An item is identified by ce_source, entity_type, entity_id and resource_name. To keep the current state of all items,
// store the position of each item's current event, and ignore an event whose position is not newer. This also ignores
// duplicates and late events. If the table has one feature per item, or with FeaturesMode=changed, do this for each
// feature. An event's own timestamp is the time according to the item, and does not order events.
type position struct {
	timestamp time.Time
	sequence  *big.Int // a number of up to 40 digits, or -1 without the header ce_sequence
	offset    int64
}

// newPosition fails only if the header ce_sequence is not a number.
func newPosition(record *kgo.Record) (position, error) {
	sequence := big.NewInt(-1)
	for _, each := range record.Headers {
		if each.Key != "ce_sequence" {
			continue
		}
		if _, valid := sequence.SetString(string(each.Value), 10); !valid {
			return position{}, fmt.Errorf("ce_sequence is not a number: %q", each.Value)
		}
	}
	return position{record.Timestamp, sequence, record.Offset}, nil
}

// isNewerThan reports whether the event at this position wins over the other event of the same item.
func (p position) isNewerThan(other position) bool {
	return cmp.Or(
		p.timestamp.Compare(other.timestamp),
		p.sequence.Cmp(other.sequence),
		cmp.Compare(p.offset, other.offset),
	) > 0
}
