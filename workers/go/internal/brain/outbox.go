package brain

import (
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// batchBytes is about how large a batch may grow before it is closed.
const batchBytes = 1 << 20

// itemBytes is about what a small item of a batch takes, beside its key.
const itemBytes = 64

// outbox gathers what is to be said to the scheduler into batches.
//
// A batch is applied kind by kind: what is stored and finished before what is dropped and missing. So
// word that a value is here must not join a batch that says of any value that it is gone.
type outbox struct {
	batches []*pb.FromWorker
	bytes   int // size of the last one
}

// to returns the open batch, to which about so many bytes will be added.
func (o *outbox) to(bytes int) *pb.FromWorker {
	bytes += itemBytes
	if len(o.batches) == 0 || o.bytes+bytes > batchBytes {
		o.batches = append(o.batches, &pb.FromWorker{})
		o.bytes = 0
	}
	o.bytes += bytes
	return o.batches[len(o.batches)-1]
}

// toOfValue returns the open batch to say in it that a value is here: after all word of absence.
func (o *outbox) toOfValue(bytes int) *pb.FromWorker {
	if count := len(o.batches); count > 0 {
		last := o.batches[count-1]
		if len(last.Dropped) > 0 || len(last.Missing) > 0 {
			o.batches = append(o.batches, &pb.FromWorker{})
			o.bytes = 0
		}
	}
	return o.to(bytes)
}

// take returns the next batch to send.
func (o *outbox) take() (*pb.FromWorker, bool) {
	if len(o.batches) == 0 {
		return nil, false
	}
	batch := o.batches[0]
	o.batches[0] = nil
	o.batches = o.batches[1:]
	return batch, true
}

// takeAll returns all batches.
func (o *outbox) takeAll() []*pb.FromWorker {
	batches := o.batches
	o.batches, o.bytes = nil, 0
	return batches
}
