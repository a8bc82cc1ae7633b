package worker

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/brain"
)

const (
	outputEvery = 500 * time.Millisecond
	outputHalf  = 32 << 10 // of what a task says in that time so much of the beginning is sent, and of the end
)

// Output returns where a task writes what people are to see: it is kept with the task, and clients that
// asked for it print it. The context is that of the task; with any other one nothing is kept.
//
//	slog.New(slog.NewTextHandler(worker.Output(ctx), nil)).Info("half way", "row", row)
func Output(ctx context.Context) io.Writer {
	if out, isTask := ctx.Value(outputKey{}).(*output); isTask {
		return out
	}
	return io.Discard
}

type outputKey struct{}

// output is what a run has said and the scheduler was not told.
type output struct {
	worker *Worker
	run    *brain.Run

	mutex       sync.Mutex
	first, last []byte
	leftOut     uint64
	isDue       bool
}

// Write never fails.
func (o *output) Write(text []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	cut := min(len(text), outputHalf-len(o.first))
	o.first = append(o.first, text[:cut]...)
	o.last = append(o.last, text[cut:]...)
	if excess := len(o.last) - outputHalf; excess > 0 {
		o.last = append(o.last[:0], o.last[excess:]...)
		o.leftOut += uint64(excess)
	}
	if !o.isDue {
		o.isDue = true
		time.AfterFunc(outputEvery, func() { o.worker.tell(o.say) })
	}
	return len(text), nil
}

// say tells the scheduler; the worker's mutex is held.
func (o *output) say() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.part(o.first, 0)
	o.part(o.last, o.leftOut)
	o.first, o.last, o.leftOut, o.isDue = nil, nil, 0, false
}

func (o *output) part(text []byte, leftOut uint64) {
	if len(text) > 0 {
		o.worker.brain.Say(&pb.TaskOutput{
			Key: o.run.Key, Attempt: o.run.Attempt, Stream: pb.OutputStream_OUTPUT_STREAM_STDOUT,
			Text: strings.ToValidUTF8(string(text), "?"), LeftOut: leftOut,
		})
	}
}
