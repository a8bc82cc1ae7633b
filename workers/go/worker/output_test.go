package worker_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/worker"
)

func TestWhatATaskWritesIsSaidBeforeItsReport(t *testing.T) {
	speak := worker.Offer("speak", "Say something.", func(ctx context.Context) int {
		fmt.Fprintln(worker.Output(ctx), "hello")
		fmt.Fprint(worker.Output(ctx), "bad \xff")
		return 1
	})
	_, p := newStage(t, 1, speak)
	p.welcome("s", "speak")
	p.run("x", 7, 1)
	parts := heardUntil(p, func(said *pb.FromWorker, _ string) bool { return len(said.GetFinished()) > 0 })
	if text := joined(parts); text != "hello\nbad ?" || parts[0].GetKey() != "x" || parts[0].GetAttempt() != 7 {
		t.Errorf("said %q in %v", text, parts)
	}
}

// heardUntil returns all that was said of output, up to a message that satisfies the condition.
func heardUntil(p *played, isLast func(said *pb.FromWorker, text string) bool) []*pb.TaskOutput {
	p.t.Helper()
	var parts []*pb.TaskOutput
	return hears(p, func(said *pb.FromWorker) ([]*pb.TaskOutput, bool) {
		parts = append(parts, said.GetOutput()...)
		return parts, isLast(said, joined(parts))
	})
}

func joined(parts []*pb.TaskOutput) string {
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(part.GetText())
	}
	return text.String()
}

func TestWhatATaskWritesIsSaidWhileItRunsAndIsBounded(t *testing.T) {
	const written = 1 << 20
	speak := worker.Offer("speak", "Say much, and wait.", func(ctx context.Context) error {
		fmt.Fprint(worker.Output(ctx), "<")
		for range written / 1024 {
			fmt.Fprint(worker.Output(ctx), strings.Repeat("x", 1024))
		}
		fmt.Fprint(worker.Output(ctx), ">")
		<-ctx.Done()
		return ctx.Err()
	})
	_, p := newStage(t, 1, speak)
	p.welcome("s", "speak")
	p.run("x", 1, 1)
	parts := heardUntil(p, func(_ *pb.FromWorker, text string) bool { return strings.HasSuffix(text, ">") })
	text, leftOut := joined(parts), uint64(0)
	for _, part := range parts {
		leftOut += part.GetLeftOut()
	}
	if !strings.HasPrefix(text, "<") || len(text) > written/2 || uint64(len(text))+leftOut != written+2 {
		t.Errorf("%d bytes were said, and %d left out", len(text), leftOut)
	}
}

func TestOutsideOfATaskNothingIsKept(t *testing.T) {
	if worker.Output(context.Background()) != io.Discard {
		t.Error("it goes somewhere")
	}
}
