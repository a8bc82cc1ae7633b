package client

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/transfer"
)

// Future is the result of a task that is, or will be, computed. Given as an argument it stands for the
// result.
type Future struct {
	client  *Client
	record  *record
	release sync.Once
}

// record is what is known of a key that this client wants. The mutex of the client guards it.
type record struct {
	key     string
	futures int
	changed chan struct{} // closed when the record changes, and then another
	done    bool
	err     error
	value   []byte   // a serialised Payload that came along
	holders []uint32 // peers that hold the result
}

func newRecord(key string) *record {
	return &record{key: key, changed: make(chan struct{})}
}

// settle sets what has become of a key, and wakes those who wait.
func (r *record) settle(done bool, err error, value []byte, holders []uint32) {
	r.done, r.err, r.value, r.holders = done, err, value, holders
	close(r.changed)
	r.changed = make(chan struct{})
}

// Key is the name of the task.
func (f *Future) Key() string { return f.record.key }

// Wait waits until the task is done. The error is a *TaskError when the task failed, and the context's
// when that is done first.
func (f *Future) Wait(ctx context.Context) error {
	_, _, err := f.wait(ctx)
	return err
}

// Get waits until the task is done, and decodes its result into what target points to; see
// codec.Decode. Errors are those of Wait, or say why the result cannot be fetched or decoded.
func (f *Future) Get(ctx context.Context, target any) error {
	for {
		value, changed, err := f.wait(ctx)
		if err != nil {
			return err
		}
		payload, err := f.payload(ctx, value)
		if err != nil {
			return err
		}
		if payload != nil {
			return codec.Decode(payload, target)
		}
		// No holder gave it: the scheduler will notice, and have it computed again.
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Release lets the result go, once nobody else wants it. A future must not be used afterwards.
func (f *Future) Release() {
	f.release.Do(func() { f.client.release(f.record) })
}

// found is where the result of a task that is done can be had.
type found struct {
	value   []byte
	holders []*pb.Peer
}

// wait waits until the task is done, and returns where its result is, and what tells of a change.
func (f *Future) wait(ctx context.Context) (found, <-chan struct{}, error) {
	c := f.client
	for {
		c.mutex.Lock()
		record := f.record
		done, err, changed := record.done, record.err, record.changed
		at := found{value: record.value}
		for _, number := range record.holders {
			if peer := c.peers[number]; peer != nil {
				at.holders = append(at.holders, peer)
			}
		}
		c.mutex.Unlock()
		if done {
			return at, changed, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found{}, nil, ctx.Err()
		}
	}
}

// payload returns the encoded result: the one that came along if that can be read here, otherwise that
// of a holder; nil when no holder gave it.
func (f *Future) payload(ctx context.Context, at found) (*pb.Payload, error) {
	if len(at.value) > 0 {
		payload := &pb.Payload{}
		if err := proto.Unmarshal(at.value, payload); err != nil {
			return nil, err
		}
		if codec.Reads(payload.GetCodec()) || len(at.holders) == 0 {
			return payload, nil
		}
	}
	for _, holder := range at.holders {
		payload, err := f.fetch(ctx, holder)
		if payload != nil || err != nil {
			return payload, err
		}
	}
	return nil, ctx.Err()
}

func (f *Future) fetch(ctx context.Context, holder *pb.Peer) (payload *pb.Payload, err error) {
	channel, err := f.client.channels.Get(holder.GetAddress())
	if err != nil {
		return nil, err
	}
	request := &pb.GetDataRequest{
		WorkerId:     holder.GetWorkerId(),
		Keys:         []string{f.Key()},
		AcceptCodecs: codec.Names,
		Caller:       f.client.id,
	}
	var refused error
	err = transfer.Fetch(ctx, pb.NewWorkerClient(channel), request, func(value transfer.Incoming) {
		if value.Error != nil {
			refused = fmt.Errorf("the result of %q cannot be had: %w", f.Key(), taskError(value.Error))
		}
		payload = value.Value
	})
	if err != nil {
		f.client.log.Debug("a worker did not give a result", "worker", holder.GetAddress(), "cause", err)
		return nil, nil
	}
	return payload, refused
}
