package brain

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const (
	// keepBytes: a value that rides along with a task is kept for others if it is as large as this.
	keepBytes = 1 << 10
	// unclaimedFor is how long a value that was put here waits to be claimed.
	unclaimedFor = time.Minute
)

// Hear takes in a batch of the scheduler, kind by kind in the order of the protocol.
func (b *Brain) Hear(batch *pb.ToWorker) {
	for _, function := range batch.GetFunctions() {
		b.functions[function.GetId()] = function
	}
	for _, template := range batch.GetTemplates() {
		b.templates[template.GetId()] = template
	}
	for _, peer := range batch.GetPeers() {
		b.meet(peer)
	}
	if reconcile := batch.GetReconcile(); reconcile != nil {
		b.cancel(reconcile.GetCancel())
		b.free(reconcile.GetDrop())
	}
	b.cancel(batch.GetCancel())
	b.giveBack(batch.GetRevoke())
	b.claim(batch.GetClaim())
	b.free(batch.GetFree())
	for _, wanted := range batch.GetFetch() {
		b.copy(wanted)
	}
	for _, task := range batch.GetRun() {
		b.receive(task)
	}
	for _, id := range batch.GetForgetFunctions() {
		delete(b.functions, id)
	}
	for _, id := range batch.GetForgetTemplates() {
		delete(b.templates, id)
	}
	b.IsDraining = b.IsDraining || batch.GetDrain()
}

func (b *Brain) meet(peer *pb.Peer) {
	met := b.peers[peer.GetNumber()]
	if met == nil || met.ID != peer.GetWorkerId() {
		b.peers[peer.GetNumber()] = &Peer{
			ID: peer.GetWorkerId(), Address: peer.GetAddress(), Host: peer.GetHost(),
		}
	}
}

func (b *Brain) receive(task *pb.RunTask) {
	key, attempt := task.GetKey(), task.GetAttempt()
	if b.abandoned[runName{key, attempt}] != nil {
		return // it came again after it was cancelled
	}
	if older := b.runs[key]; older != nil {
		if older.Attempt >= attempt {
			return
		}
		b.stop(older)
	}
	b.free([]string{key}) // the result of an older run: the scheduler has not taken it
	template := b.templates[task.GetTemplate()]
	run := &Run{
		Key:      key,
		Attempt:  attempt,
		Task:     task,
		Template: template,
		Function: b.functions[template.GetFunctionId()],
	}
	if template == nil {
		text := fmt.Sprintf("template %d was not announced to this worker", task.GetTemplate())
		b.report(run, b.ownFailure(run, "UnknownTemplate", "UNKNOWN_TEMPLATE", text))
		return
	}
	b.runs[key] = run
	for _, dependency := range task.GetDependencies() {
		b.use(run, dependency)
	}
	if run.waitingOn == 0 {
		b.lineUp(run)
	}
}

// use books a value for a run, which waits for it if it is not here.
func (b *Brain) use(run *Run, dependency *pb.Dependency) {
	record := b.data[dependency.GetKey()]
	if record == nil || record.state != held {
		value := riding(dependency)
		if value != nil && len(dependency.GetValue()) < keepBytes {
			return // the run takes it from the message
		}
		record = b.want(dependency)
		if value != nil {
			b.hold(record.key, value, dependency.GetNbytes(), "")
			b.sayStored(record)
		}
	}
	record.users++
	run.uses = append(run.uses, record)
	if record.state != held {
		record.waiters = append(record.waiters, run)
		run.waitingOn++
		if record.state == known {
			b.ask(record)
		}
	}
}

// riding returns the value that came along with a task, or nil when there is none that can be read
// here: one in another language's own codec is asked of its holders, who say it in a common one.
func riding(dependency *pb.Dependency) *pb.Payload {
	if len(dependency.GetValue()) == 0 {
		return nil
	}
	payload := &pb.Payload{}
	if err := proto.Unmarshal(dependency.GetValue(), payload); err != nil {
		return nil
	}
	if !codec.Reads(payload.GetCodec()) && len(dependency.GetHolders()) > 0 {
		return nil
	}
	return payload
}

// want returns the record of a value that is not here, with all its holders.
func (b *Brain) want(dependency *pb.Dependency) *data {
	record := b.data[dependency.GetKey()]
	if record == nil {
		record = &data{key: dependency.GetKey(), nbytes: dependency.GetNbytes(), state: known}
		b.data[record.key] = record
	}
	for _, holder := range dependency.GetHolders() {
		record.holders = append(without(record.holders, holder), holder)
	}
	if record.state == missing {
		record.state = known
	}
	return record
}

func (b *Brain) copy(wanted *pb.Dependency) {
	record := b.data[wanted.GetKey()]
	if record != nil {
		record.freed = false
		if record.state == held {
			b.sayStored(record)
			return
		}
	}
	record = b.want(wanted)
	record.copied = true
	if record.state == known {
		b.ask(record)
	}
}

func (b *Brain) cancel(named []*pb.TaskAttempt) {
	for _, name := range named {
		if run := b.runs[name.GetKey()]; run != nil && run.Attempt == name.GetAttempt() {
			b.stop(run)
		}
	}
}

// giveBack gives runs back that have not begun, and answers each.
func (b *Brain) giveBack(named []*pb.TaskAttempt) {
	for _, name := range named {
		run := b.runs[name.GetKey()]
		givenBack := run != nil && run.Attempt == name.GetAttempt() && run.state != executing
		if givenBack {
			b.end(run, nil)
		}
		batch := b.out.to(len(name.GetKey()))
		batch.Revoked = append(batch.Revoked, &pb.RevokeAnswer{
			Key: name.GetKey(), Attempt: name.GetAttempt(), GivenBack: givenBack,
		})
	}
}

// free drops values that are no longer wanted here, as soon as no run needs them.
func (b *Brain) free(keys []string) {
	for _, key := range keys {
		if record := b.data[key]; record != nil {
			record.freed, record.copied = true, false
			b.release(record)
		}
	}
}

// ---- Values that clients and peers put here

// Put says that a value was put here, and returns the number of the put. It stays until the scheduler
// claims it, or for a minute.
func (b *Brain) Put(key string, value *pb.Payload, nbytes uint64, kind string) *pb.StoredData {
	older := b.data[key]
	wasWanted := older != nil && older.state == held && !older.freed
	b.puts++
	number := b.puts
	record := b.hold(key, value, nbytes, kind)
	record.freed, record.put = !wasWanted, number
	event := func() { b.endWaiting(key, number) }
	b.effects.Timers = append(b.effects.Timers, Timer{unclaimedFor, event})
	return record.stored()
}

func (b *Brain) claim(claims []*pb.ClaimedData) {
	for _, claimed := range claims {
		record := b.data[claimed.GetKey()]
		switch {
		case record == nil || record.state != held:
			b.sayDropped(claimed.GetKey())
		case claimed.GetPut() == 0 || claimed.GetPut() == record.put:
			record.freed, record.put = false, 0
		}
	}
}

func (b *Brain) endWaiting(key string, number uint64) {
	if record := b.data[key]; record != nil && record.put == number {
		record.put = 0
		b.release(record)
	}
}

// Delete drops values that no run needs, and returns their keys.
func (b *Brain) Delete(keys []string) []string {
	var deleted []string
	for _, key := range keys {
		if record := b.data[key]; record != nil && record.state == held && record.users == 0 {
			b.drop(record)
			b.sayDropped(key)
			deleted = append(deleted, key)
		}
	}
	return deleted
}

func (b *Brain) sayDropped(key string) {
	batch := b.out.to(len(key))
	batch.Dropped = append(batch.Dropped, key)
}

// ---- Failures of the worker's own

func (b *Brain) timeOut(run *Run, limit time.Duration) {
	if run.state != executing {
		return
	}
	failure := b.ownFailure(run, "gdistributed.errors.TaskTimeout", "TASK_TIMEOUT",
		fmt.Sprintf("the task %q ran for longer than its timeout of %s", run.Key, limit))
	failure.Kind = pb.TaskErrorKind_TASK_ERROR_KIND_TIMEOUT
	failure.Retryable, failure.Counts = true, true
	b.report(run, failure)
	b.abandon(run)
}

func (b *Brain) ownFailure(run *Run, kind, reason, text string) *pb.TaskError {
	return &pb.TaskError{
		Type:    kind,
		Message: text,
		Reason:  reason,
		Runtime: "gdistributed",
		Kind:    pb.TaskErrorKind_TASK_ERROR_KIND_SYSTEM,
		Key:     run.Key,
		Attempt: run.Attempt,
	}
}
