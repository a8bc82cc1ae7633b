package client

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// batchBytes is about how large a batch may grow before it is closed.
const batchBytes = 1 << 20

// ---- What is to be said; the mutex is held

// batch returns the open batch for something that comes before what is released in it.
func (c *Client) batch(bytes int) *pb.FromClient {
	if count := len(c.mail); count > 0 && len(c.mail[count-1].Release) > 0 {
		c.mail, c.mailBytes = append(c.mail, &pb.FromClient{}), 0
	}
	return c.lastBatch(bytes)
}

func (c *Client) lastBatch(bytes int) *pb.FromClient {
	if len(c.mail) == 0 || c.mailBytes+bytes > batchBytes {
		c.mail, c.mailBytes = append(c.mail, &pb.FromClient{}), 0
	}
	c.mailBytes += bytes
	return c.mail[len(c.mail)-1]
}

func (c *Client) wakeUp() {
	if c.wake != nil {
		c.wake()
	}
}

// ---- For the link

func (c *Client) setWake(wake func()) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.wake = wake
}

func (c *Client) takeMail() (*pb.FromClient, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.mail) == 0 {
		return nil, false
	}
	batch := c.mail[0]
	c.mail = c.mail[1:]
	return batch, true
}

// sayAgain tells a scheduler that may know nothing of this client what counts: the graphs that were not
// accepted, and then all keys that are wanted. It answers with the state of each.
func (c *Client) sayAgain() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.mail, c.mailBytes = nil, 0
	clear(c.peers)
	if len(c.functions) > 0 {
		batch := c.batch(0)
		batch.Functions, batch.Templates = slices.Clone(c.functions), slices.Clone(c.templates)
	}
	for _, graph := range c.graphs {
		batch := c.batch(proto.Size(graph))
		batch.Graphs = append(batch.Graphs, graph)
	}
	if c.lastGraph > 0 {
		wanted := &pb.WantedKeys{Keys: slices.Sorted(maps.Keys(c.records)), LastGraph: c.lastGraph}
		c.mail = append(c.mail, &pb.FromClient{Wanted: wanted})
		c.mailBytes = batchBytes // what is submitted from now on is not in the statement
	}
	if c.ended != nil {
		c.lastBatch(0).Goodbye = &pb.Goodbye{Reason: "closed"}
	}
}

// hear takes in a batch of the scheduler, kind by kind in the order of the protocol.
func (c *Client) hear(batch *pb.ToClient) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, peer := range batch.GetPeers() {
		c.peers[peer.GetNumber()] = peer
	}
	for _, refused := range batch.GetRefused() {
		for _, key := range refused.GetWanted() {
			c.settle(key, &TaskError{
				Key:     key,
				Type:    "gdistributed",
				Runtime: "gdistributed",
				Message: refused.GetMessage(),
				Reason:  refused.GetReason(),
			}, nil, nil)
		}
	}
	for _, key := range batch.GetLost() {
		if record := c.records[key]; record != nil {
			record.settle(false, nil, nil, nil)
		}
	}
	for _, report := range batch.GetFinished() {
		c.settle(report.GetKey(), nil, report.GetValue(), report.GetHolders())
	}
	for _, report := range batch.GetErred() {
		c.settle(report.GetKey(), taskError(report.GetError()), nil, nil)
	}
	for _, cancelled := range batch.GetCancelled() {
		c.settle(cancelled.GetKey(), &TaskError{
			Key:     cancelled.GetKey(),
			Type:    "gdistributed",
			Runtime: "gdistributed",
			Message: fmt.Sprintf("the task was cancelled: %s", cancelled.GetReason()),
			Reason:  "CANCELLED",
		}, nil, nil)
	}
	accepted := batch.GetGraphsAccepted()
	c.graphs = slices.DeleteFunc(c.graphs, func(graph *pb.SubmitGraph) bool {
		return graph.GetNumber() <= accepted
	})
}

func (c *Client) settle(key string, err *TaskError, value []byte, holders []uint32) {
	record := c.records[key]
	if record == nil {
		return // nobody wants it any more
	}
	if err != nil {
		record.settle(true, err, nil, nil)
	} else {
		record.settle(true, nil, value, holders)
	}
}

// settleAll ends all waiting: there will be no more news.
func (c *Client) settleAll(cause error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended == nil {
		c.ended = cause
	}
	for _, record := range c.records {
		if !record.done {
			record.settle(true, c.ended, nil, nil)
		}
	}
}
