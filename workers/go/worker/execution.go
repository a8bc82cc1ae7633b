package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/brain"
)

// errGoexit is what a panic of runtime.Goexit is called, which recover does not see.
var errGoexit = errors.New("the function ended its goroutine by runtime.Goexit")

// execute carries a run out, in a goroutine of its own, and tells the brain what came of it.
func (w *Worker) execute(ctx context.Context, run *brain.Run) {
	ctx, end := w.traced(ctx, run)
	begun, said := time.Now(), &output{worker: w, run: run}
	value, function, err := w.compute(context.WithValue(ctx, outputKey{}, said), run)
	took := uint64(time.Since(begun))
	var payload *pb.Payload
	if err == nil {
		payload, err = codec.Encode(value, known(run.Template.GetResultCodecs()))
	}
	end(err)
	if err != nil {
		failure := w.located(failureOf(err, function))
		failure.Key, failure.Attempt = run.Key, run.Attempt
		report := &pb.TaskErred{Key: run.Key, Attempt: run.Attempt, Error: failure, RunNs: took}
		w.tell(func() { w.forget(run); said.say(); w.brain.Failed(run, report) })
		return
	}
	report := &pb.TaskFinished{
		Key:     run.Key,
		Attempt: run.Attempt,
		Nbytes:  uint64(codec.Size(payload)),
		Type:    fmt.Sprintf("%T", value),
		RunNs:   took,
	}
	if report.Nbytes <= w.inlineBytes.Load() {
		// A payload of ours can always be written.
		report.Value, _ = proto.Marshal(payload)
	}
	w.tell(func() { w.forget(run); said.say(); w.brain.Finished(run, payload, report) })
}

// compute calls the function of a run.
func (w *Worker) compute(ctx context.Context, run *brain.Run) (any, *Function, error) {
	function, err := w.find(run.Function, run.Template)
	if err != nil {
		return nil, nil, err
	}
	arguments := &pb.Arguments{}
	if err := proto.Unmarshal(run.Task.GetArguments(), arguments); err != nil {
		return nil, function, &badCall{function.Name, err}
	}
	value, err := guarded(ctx, function, arguments, run.Inputs)
	return value, function, err
}

// guarded calls a function, and makes an error of a panic.
//
// The call has a goroutine of its own, since runtime.Goexit would take the caller with it.
func guarded(
	ctx context.Context, function *Function, arguments *pb.Arguments, results map[string]*pb.Payload,
) (value any, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			if returned {
				return
			}
			cause := recover()
			if cause == nil {
				cause = errGoexit
			}
			err = &panicked{cause, userFrames()}
		}()
		value, err = function.call(ctx, arguments, results)
		returned = true
	}()
	<-done
	return value, err
}

// find returns the function that a task is to run.
func (w *Worker) find(announced *pb.Function, template *pb.TaskTemplate) (*Function, error) {
	if template.GetActor() {
		return nil, &unknownFunction{"a Go worker has no actors"}
	}
	if announced == nil {
		text := fmt.Sprintf("function %q was not announced to this worker", template.GetFunctionId())
		return nil, &unknownFunction{text}
	}
	if announced.GetRuntime() != language || announced.GetName() == "" {
		return nil, &unknownFunction{fmt.Sprintf(
			"a Go worker runs Go functions by name, and no code of the runtime %q", announced.GetRuntime())}
	}
	if function := w.functions[announced.GetName()]; function != nil {
		return function, nil
	}
	names := make([]string, 0, len(w.functions))
	for name := range w.functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return nil, &unknownFunction{fmt.Sprintf("this worker does not offer %q; it offers %s",
		announced.GetName(), strings.Join(names, ", "))}
}

// located says on which worker a failure happened.
func (w *Worker) located(failure *pb.TaskError) *pb.TaskError {
	failure.WorkerId, failure.WorkerName = w.id, w.options.Name
	return failure
}

// known returns those of the codecs wanted that Go writes; all of them when there are none, so that
// the error names them.
func known(wanted []string) []string {
	ours := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return !codec.Reads(name) })
	if len(ours) == 0 {
		return wanted
	}
	return ours
}
