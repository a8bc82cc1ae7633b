// Package brain decides what a worker does: messages in, mail and effects out.
//
// It knows the runs that were handed over, the values that are here or wanted, and the peers that hold
// them. It does no input or output, reads no clock and starts no goroutine: the shell around it tells
// what happened, one event at a time, and then does what Take returns.
package brain

import (
	"container/heap"
	"slices"
	"time"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// startedAfter is how long a task must be expected to run for its start to be announced; the report
// of a shorter one comes soon.
const startedAfter = 5 * time.Millisecond

// Effects are what the shell is to do, in this order.
type Effects struct {
	Cancel []*Run   // execute, and are no longer wanted
	Fetch  []*Fetch // calls to make to peers
	Run    []*Run   // to be carried out; each is answered by Finished, Failed or Ended
	Timers []Timer
}

// Timer is an event that is to happen later.
type Timer struct {
	After time.Duration
	Event func()
}

// Brain is the state of a worker. Its methods must not be called concurrently.
type Brain struct {
	// IsDraining says that the worker leaves: nothing new is begun.
	IsDraining bool

	nthreads   int
	functions  map[string]*pb.Function
	templates  map[uint32]*pb.TaskTemplate
	peers      map[uint32]*Peer
	toAsk      []*Peer // peers at which something is queued
	runs       map[string]*Run
	abandoned  map[runName]*Run
	data       map[string]*data
	ready      readyRuns
	readyCount int // without those in the heap that have ended
	executing  int
	fetching   int
	fetchBytes uint64
	heldBytes  uint64
	heldCount  int
	arrivals   uint64
	puts       uint64
	out        outbox
	effects    Effects
}

// New makes the brain of a worker that runs so many tasks at once.
func New(nthreads int) *Brain {
	brain := &Brain{
		nthreads:  nthreads,
		runs:      map[string]*Run{},
		abandoned: map[runName]*Run{},
		data:      map[string]*data{},
	}
	brain.forgetNumbers()
	return brain
}

// Take decides what can be fetched and run by now, and returns what the shell is to do.
func (b *Brain) Take() Effects {
	b.beginFetches()
	b.beginRuns()
	effects := b.effects
	b.effects = Effects{}
	return effects
}

// Mail returns the next batch for the scheduler, if there is one.
func (b *Brain) Mail() (*pb.FromWorker, bool) { return b.out.take() }

// HasMail says whether there is something to say to the scheduler.
func (b *Brain) HasMail() bool { return len(b.out.batches) > 0 }

// Heartbeat says that the worker's loop works, and how it is.
func (b *Brain) Heartbeat(metrics *pb.WorkerMetrics, bandwidths []*pb.Bandwidth) {
	b.out.to(0).Heartbeat = &pb.Heartbeat{Status: b.Status(), Metrics: metrics, Bandwidths: bandwidths}
}

// Goodbye is the last message of a worker that leaves.
func (b *Brain) Goodbye(reason string) {
	b.out.to(len(reason)).Goodbye = &pb.Goodbye{Reason: reason}
}

// ---- Runs

// Finished says that a run has returned a value, and may carry it in the report if it is small.
func (b *Brain) Finished(run *Run, value *pb.Payload, report *pb.TaskFinished) {
	if run.state == executing {
		b.hold(run.Key, value, report.GetNbytes(), report.GetType())
		record := b.data[run.Key]
		record.freed, record.attempt = false, run.Attempt
		batch := b.out.toOfValue(len(report.GetValue()) + len(run.Key))
		batch.Finished = append(batch.Finished, report)
	}
	b.end(run, nil)
}

// Failed says that a run has failed.
func (b *Brain) Failed(run *Run, failure *pb.TaskErred) {
	if run.state == executing {
		batch := b.out.to(len(failure.GetError().GetTraceback()) + len(failure.GetError().GetMessage()))
		batch.Erred = append(batch.Erred, failure)
	}
	b.end(run, nil)
}

// Say passes on what a task has said; while much of the mail has not gone out, only how much it was.
func (b *Brain) Say(part *pb.TaskOutput) {
	if len(b.out.batches) > 1 {
		part.LeftOut += uint64(len(part.GetText()))
		part.Text = ""
	}
	batch := b.out.to(len(part.GetText()) + len(part.GetKey()))
	batch.Output = append(batch.Output, part)
}

func (b *Brain) beginRuns() {
	for !b.IsDraining && b.executing < b.nthreads && len(b.ready) > 0 {
		run := heap.Pop(&b.ready).(*Run)
		if run.state == ready {
			b.execute(run)
		}
	}
}

func (b *Brain) execute(run *Run) {
	b.readyCount--
	b.executing++
	run.state = executing
	run.Inputs = make(map[string]*pb.Payload, len(run.Task.GetDependencies()))
	for _, used := range run.uses {
		run.Inputs[used.key] = used.value
	}
	for _, dependency := range run.Task.GetDependencies() {
		if _, isHere := run.Inputs[dependency.GetKey()]; !isHere {
			run.Inputs[dependency.GetKey()] = riding(dependency)
		}
	}
	b.effects.Run = append(b.effects.Run, run)
	if timeout := run.Template.GetTimeout(); timeout != nil {
		limit := timeout.AsDuration()
		event := func() { b.timeOut(run, limit) }
		b.effects.Timers = append(b.effects.Timers, Timer{limit, event})
	}
	expected := time.Duration(run.Task.GetExpectedNs())
	if expected == 0 || expected >= startedAfter {
		batch := b.out.to(len(run.Key))
		batch.Started = append(batch.Started, &pb.TaskAttempt{Key: run.Key, Attempt: run.Attempt})
	}
}

// abandon gives a run up that executes: its goroutine is told, and nobody waits for it.
func (b *Brain) abandon(run *Run) {
	run.state = abandoned
	b.abandoned[runName{run.Key, run.Attempt}] = run
	delete(b.runs, run.Key)
	b.effects.Cancel = append(b.effects.Cancel, run)
}

// stop ends a run that is no longer wanted, without a word.
func (b *Brain) stop(run *Run) {
	if run.state == executing {
		b.abandon(run)
	} else {
		b.end(run, nil)
	}
}

// end takes a run out of the books; the failure, if any, is reported.
func (b *Brain) end(run *Run, failure *pb.TaskError) {
	switch run.state {
	case waiting:
		for _, used := range run.uses {
			used.waiters = without(used.waiters, run)
		}
	case ready:
		b.readyCount-- // it stays in the heap as a husk
	case executing:
		b.executing--
	case abandoned:
		b.executing--
		delete(b.abandoned, runName{run.Key, run.Attempt})
	case ended:
		return
	}
	run.state = ended
	if failure != nil {
		b.report(run, failure)
	}
	if b.runs[run.Key] == run {
		delete(b.runs, run.Key)
	}
	for _, used := range run.uses {
		used.users--
		b.release(used)
	}
	run.uses, run.Inputs = nil, nil
}

func (b *Brain) report(run *Run, failure *pb.TaskError) {
	batch := b.out.to(len(failure.GetMessage()))
	batch.Erred = append(batch.Erred, &pb.TaskErred{Key: run.Key, Attempt: run.Attempt, Error: failure})
}

// ---- Values

// hold books a value that is here now, however it came.
func (b *Brain) hold(key string, value *pb.Payload, nbytes uint64, kind string) *data {
	record := b.data[key]
	if record == nil {
		record = &data{key: key, state: known}
		b.data[key] = record
	}
	if record.state == held {
		b.heldBytes -= record.nbytes
		b.heldCount--
	} else {
		b.giveUpAsking(record)
	}
	record.value, record.nbytes, record.kind = value, nbytes, kind
	record.attempt, record.put = 0, 0
	record.holders, record.refused = nil, nil
	record.state = held
	b.heldBytes += nbytes
	b.heldCount++
	waiters := record.waiters
	record.waiters = nil
	for _, run := range waiters {
		run.waitingOn--
		if run.waitingOn == 0 {
			b.lineUp(run)
		}
	}
	return record
}

func (b *Brain) lineUp(run *Run) {
	b.arrivals++
	run.arrival = b.arrivals
	run.state = ready
	b.readyCount++
	heap.Push(&b.ready, run)
}

// release lets a value go that no run needs, unless it is to stay or is on its way.
func (b *Brain) release(record *data) {
	if record.users > 0 || (record.state != held && record.copied) {
		return
	}
	if record.state == queued || record.state == missing {
		b.giveUpAsking(record)
	}
	if record.state == known || (record.state == held && record.freed && record.put == 0) {
		b.drop(record)
	}
}

func (b *Brain) drop(record *data) {
	if record.state == held {
		b.heldBytes -= record.nbytes
		b.heldCount--
	}
	record.state = gone
	record.value = nil
	delete(b.data, record.key)
}

// sayStored tells the scheduler of a value that came from elsewhere.
func (b *Brain) sayStored(record *data) {
	batch := b.out.toOfValue(len(record.key))
	batch.Stored = append(batch.Stored, record.stored())
}

func (d *data) stored() *pb.StoredData {
	return &pb.StoredData{Key: d.key, Nbytes: d.nbytes, Type: d.kind, Attempt: d.attempt, Put: d.put}
}

// ---- Questions

// Status says what may be expected of the worker.
func (b *Brain) Status() pb.WorkerStatus {
	if b.IsDraining {
		return pb.WorkerStatus_WORKER_STATUS_CLOSING
	}
	return pb.WorkerStatus_WORKER_STATUS_RUNNING
}

// Value returns a value that is held, with what is known of it; nil when it is not.
func (b *Brain) Value(key string) (*pb.Payload, *pb.StoredData) {
	record := b.data[key]
	if record == nil || record.state != held {
		return nil, nil
	}
	return record.value, record.stored()
}

// Held returns the keys of the values that are held, sorted.
func (b *Brain) Held() []string {
	var keys []string
	for key, record := range b.data {
		if record.state == held {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Executing returns the keys of the tasks that run now, sorted.
func (b *Brain) Executing() []string {
	var keys []string
	for key, run := range b.runs {
		if run.state == executing {
			keys = append(keys, key)
		}
	}
	for name := range b.abandoned {
		keys = append(keys, name.key)
	}
	slices.Sort(keys)
	return keys
}

// Counts are what heartbeats and status reports say.
type Counts struct {
	Executing, Abandoned, Ready, Fetching, Held int
	HeldBytes                                   uint64
}

// Counts returns how much of everything there is.
func (b *Brain) Counts() Counts {
	return Counts{b.executing, len(b.abandoned), b.readyCount, b.fetching, b.heldCount, b.heldBytes}
}

func without[T comparable](from []T, one T) []T {
	if index := slices.Index(from, one); index >= 0 {
		return slices.Delete(from, index, index+1)
	}
	return from
}
