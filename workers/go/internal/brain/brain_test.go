package brain

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// stage is a brain with what it wanted done since it was asked last.
type stage struct {
	*Brain
	t       *testing.T
	running map[string]*Run
	fetches []*Fetch
	timers  []Timer
}

func newStage(t *testing.T, nthreads int) *stage {
	s := &stage{Brain: New(nthreads), t: t, running: map[string]*Run{}}
	s.hear(&pb.ToWorker{
		Functions: []*pb.Function{{Id: "f", Runtime: "go", Body: &pb.Function_Name{Name: "f"}}},
		Templates: []*pb.TaskTemplate{{Id: 1, FunctionId: "f"}},
		Peers:     []*pb.Peer{{Number: 7, WorkerId: "w7"}, {Number: 8, WorkerId: "w8"}},
	})
	return s
}

func (s *stage) act() {
	effects := s.Take()
	for _, run := range effects.Run {
		s.running[run.Key] = run
	}
	s.fetches = append(s.fetches, effects.Fetch...)
	s.timers = append(s.timers, effects.Timers...)
}

func (s *stage) hear(batch *pb.ToWorker) {
	s.Hear(batch)
	s.act()
}

func (s *stage) run(key string, attempt uint64, dependencies ...*pb.Dependency) {
	s.hear(&pb.ToWorker{Run: []*pb.RunTask{{
		Key: key, Attempt: attempt, Template: 1, ExpectedNs: 1000, Dependencies: dependencies,
	}}})
}

func (s *stage) finish(key string) {
	run := s.running[key]
	delete(s.running, key)
	report := &pb.TaskFinished{Key: run.Key, Attempt: run.Attempt, Nbytes: 4}
	s.Finished(run, &pb.Payload{Codec: "text", Data: []byte(key)}, report)
	s.act()
}

// said returns what was said since the last call, in one batch for each.
func (s *stage) said() []*pb.FromWorker { return s.out.takeAll() }

func (s *stage) saidOnce() *pb.FromWorker {
	s.t.Helper()
	batches := s.said()
	if len(batches) != 1 {
		s.t.Fatalf("%d batches: %v", len(batches), batches)
	}
	return batches[0]
}

func riding7(key string, value string) *pb.Dependency {
	data, _ := proto.Marshal(&pb.Payload{Codec: "text", Data: []byte(value)})
	return &pb.Dependency{Key: key, Nbytes: uint64(len(value)), Holders: []uint32{7}, Value: data}
}

func TestNoMoreRunsThanThreadsAndLowerRanksFirst(t *testing.T) {
	s := newStage(t, 1)
	s.hear(&pb.ToWorker{Run: []*pb.RunTask{
		{Key: "late", Attempt: 1, Template: 1, Rank: 9},
		{Key: "soon", Attempt: 2, Template: 1, Rank: 3},
	}})
	if len(s.running) != 1 || s.running["soon"] == nil {
		t.Fatalf("running: %v", s.running)
	}
	s.finish("soon")
	if s.running["late"] == nil {
		t.Error("the next one has not begun")
	}
	if value, _ := s.Value("soon"); value == nil {
		t.Error("the result is not held")
	}
}

func TestAReportEchoesTheAttemptAndAnOlderAttemptIsGivenUp(t *testing.T) {
	s := newStage(t, 2)
	s.run("a", 5)
	older := s.running["a"]
	s.run("a", 4)
	if s.running["a"] != older {
		t.Fatal("an older attempt takes the place of a newer one")
	}
	s.run("a", 6)
	s.said()
	s.Finished(older, &pb.Payload{}, &pb.TaskFinished{Key: "a", Attempt: 5})
	s.act()
	if s.HasMail() {
		t.Errorf("of a run that was given up this is said: %v", s.said())
	}
	s.finish("a")
	if report := s.saidOnce().Finished; len(report) != 1 || report[0].Attempt != 6 {
		t.Errorf("reported: %v", report)
	}
}

func TestACancelledRunIsStoppedAndKeepsItsThreadUntilItEnds(t *testing.T) {
	s := newStage(t, 1)
	s.run("a", 1)
	s.run("b", 2)
	s.Hear(&pb.ToWorker{Cancel: []*pb.TaskAttempt{{Key: "a", Attempt: 1}}})
	effects := s.Take()
	if len(effects.Cancel) != 1 || len(effects.Run) != 0 {
		t.Fatalf("effects: %+v", effects)
	}
	s.said()
	s.Failed(s.running["a"], &pb.TaskErred{Key: "a", Attempt: 1})
	s.act()
	if s.running["b"] == nil || s.HasMail() {
		t.Errorf("running: %v, said: %v", s.running, s.said())
	}
}

func TestOnlyWhatHasNotBegunIsGivenBack(t *testing.T) {
	s := newStage(t, 1)
	s.run("a", 1)
	s.run("b", 2)
	s.said()
	s.hear(&pb.ToWorker{Revoke: []*pb.TaskAttempt{{Key: "a", Attempt: 1}, {Key: "b", Attempt: 2}, {Key: "c", Attempt: 3}}})
	var answers []bool
	for _, answer := range s.saidOnce().Revoked {
		answers = append(answers, answer.GivenBack)
	}
	if !slices.Equal(answers, []bool{false, true, false}) {
		t.Errorf("answers: %v", answers)
	}
	s.finish("a")
	if len(s.running) != 0 {
		t.Error("a run that was given back has begun")
	}
}

func TestValuesThatRideAlongAreUsedAndLargeOnesKept(t *testing.T) {
	s := newStage(t, 1)
	s.run("a", 1, riding7("small", "x"), riding7("large", string(make([]byte, 2*keepBytes))))
	run := s.running["a"]
	if run == nil || string(run.Inputs["small"].GetData()) != "x" || run.Inputs["large"] == nil {
		t.Fatalf("running: %v", s.running)
	}
	if stored := s.saidOnce().Stored; len(stored) != 1 || stored[0].Key != "large" {
		t.Errorf("stored: %v", stored)
	}
}

func TestAValueThatCannotBeReadHereIsAskedOfItsHolder(t *testing.T) {
	s := newStage(t, 1)
	pickled, _ := proto.Marshal(&pb.Payload{Codec: "python/pickle5", Data: []byte("p")})
	s.run("a", 1, &pb.Dependency{Key: "x", Holders: []uint32{7}, Value: pickled})
	if len(s.fetches) != 1 || s.fetches[0].Peer.ID != "w7" {
		t.Fatalf("fetches: %v", s.fetches)
	}
	s.Fetched(s.fetches[0], "x", &pb.Payload{Codec: "json", Data: []byte("1")}, 1, "int")
	s.act()
	if run := s.running["a"]; run == nil || run.Inputs["x"].GetCodec() != "json" {
		t.Errorf("running: %v", s.running)
	}
}

func TestTheNextHolderIsAskedAndThenTheSchedulerIsTold(t *testing.T) {
	s := newStage(t, 1)
	s.run("a", 1, &pb.Dependency{Key: "x", Holders: []uint32{7, 8}})
	first := s.fetches[0]
	s.FetchLacked(first, "x")
	s.FetchEnded(first, Answered)
	s.act()
	if len(s.fetches) != 2 || s.fetches[1].Peer.ID != "w8" {
		t.Fatalf("fetches: %v", s.fetches)
	}
	s.FetchEnded(s.fetches[1], Unreachable)
	s.act()
	missing := s.saidOnce().Missing
	if len(missing) != 2 || missing[0].Unreachable || !missing[1].Unreachable {
		t.Errorf("missing: %v", missing)
	}
	s.run("b", 2, &pb.Dependency{Key: "x", Holders: []uint32{7}})
	if len(s.fetches) != 3 {
		t.Error("a value that was missing is not asked for when it has a holder again")
	}
	s.Fetched(s.fetches[2], "x", &pb.Payload{}, 1, "")
	s.act()
	if s.running["a"] == nil {
		t.Error("the first that waited does not run")
	}
}

func TestABusyPeerIsAskedAgainAfterARest(t *testing.T) {
	s := newStage(t, 1)
	s.run("a", 1, &pb.Dependency{Key: "x", Holders: []uint32{7}})
	s.FetchEnded(s.fetches[0], Busy)
	s.act()
	if len(s.fetches) != 1 || len(s.timers) != 1 {
		t.Fatalf("fetches: %d, timers: %d", len(s.fetches), len(s.timers))
	}
	s.timers[0].Event()
	s.act()
	if len(s.fetches) != 2 {
		t.Error("it is not asked again")
	}
}

func TestRunsFailWithTheErrorOfAValueThatCannotBeHad(t *testing.T) {
	s := newStage(t, 1)
	s.run("a", 1, &pb.Dependency{Key: "x", Holders: []uint32{7}})
	s.FetchFailed(s.fetches[0], "x", &pb.TaskError{Reason: "CODEC_UNSUPPORTED"})
	s.FetchEnded(s.fetches[0], Answered)
	s.act()
	if erred := s.saidOnce().Erred; len(erred) != 1 || erred[0].Error.Reason != "CODEC_UNSUPPORTED" || erred[0].Attempt != 1 {
		t.Errorf("erred: %v", erred)
	}
	if len(s.data) != 0 || len(s.runs) != 0 {
		t.Errorf("left: %v, %v", s.data, s.runs)
	}
}

func TestAFreedValueGoesWithItsLastUser(t *testing.T) {
	s := newStage(t, 1)
	s.run("x", 1)
	s.finish("x")
	s.run("a", 2, &pb.Dependency{Key: "x"})
	s.hear(&pb.ToWorker{Free: []string{"x"}})
	if value, _ := s.Value("x"); value == nil {
		t.Fatal("a value in use is gone")
	}
	if deleted := s.Delete([]string{"x"}); len(deleted) != 0 {
		t.Fatal("a value in use was deleted")
	}
	s.finish("a")
	if value, _ := s.Value("x"); value != nil {
		t.Error("a value that nobody wants is still here")
	}
}

func TestWordThatAValueIsHereComesAfterWordThatItIsGone(t *testing.T) {
	s := newStage(t, 1)
	s.run("x", 1)
	s.finish("x")
	s.said()
	s.Delete([]string{"x"})
	s.run("x", 2)
	s.finish("x")
	batches := s.said()
	if len(batches) != 2 || len(batches[0].Dropped) != 1 || len(batches[1].Finished) != 1 {
		t.Errorf("said: %v", batches)
	}
}

func TestAPutStaysUntilItIsClaimedOrTimeIsUp(t *testing.T) {
	s := newStage(t, 1)
	claimed := s.Put("claimed", &pb.Payload{}, 1, "")
	s.Put("forgotten", &pb.Payload{}, 1, "")
	s.act()
	s.hear(&pb.ToWorker{
		Free:  []string{"forgotten"}, // an older value of the same key is meant
		Claim: []*pb.ClaimedData{{Key: "claimed", Put: claimed.Put}, {Key: "absent"}},
	})
	if dropped := s.saidOnce().Dropped; !slices.Equal(dropped, []string{"absent"}) {
		t.Errorf("dropped: %v", dropped)
	}
	if !slices.Equal(s.Held(), []string{"claimed", "forgotten"}) {
		t.Fatalf("held: %v", s.Held())
	}
	for _, timer := range s.timers {
		timer.Event()
	}
	if !slices.Equal(s.Held(), []string{"claimed"}) {
		t.Errorf("held: %v", s.Held())
	}
}

func TestARunThatTakesTooLongFailsAndIsStopped(t *testing.T) {
	s := newStage(t, 1)
	s.hear(&pb.ToWorker{Templates: []*pb.TaskTemplate{{Id: 2, FunctionId: "f", Timeout: durationpb.New(time.Second)}}})
	s.hear(&pb.ToWorker{Run: []*pb.RunTask{{Key: "a", Attempt: 1, Template: 2}}})
	s.said()
	s.timers[0].Event()
	if effects := s.Take(); len(effects.Cancel) != 1 {
		t.Errorf("effects: %+v", effects)
	}
	if erred := s.saidOnce().Erred; len(erred) != 1 || erred[0].Error.Reason != "TASK_TIMEOUT" {
		t.Errorf("erred: %v", erred)
	}
}

func TestAnInventorySaysWhatIsHereWhatRunsAndWhatWasNotHeard(t *testing.T) {
	s := newStage(t, 1)
	s.run("done", 1)
	s.finish("done")
	s.run("gone", 2)
	s.finish("gone")
	s.Delete([]string{"gone"})
	s.run("runs", 3)
	s.run("waits", 4)
	unheard := s.said()
	s.SessionBegan(unheard, false)
	s.act()
	inventory := s.saidOnce().Inventory
	if len(inventory.Held) != 1 || inventory.Held[0].Attempt != 1 {
		t.Errorf("held: %v", inventory.Held)
	}
	if len(inventory.Running) != 1 || inventory.Running[0].Key != "runs" {
		t.Errorf("running: %v", inventory.Running)
	}
	if len(inventory.Finished) != 1 || inventory.Finished[0].Key != "done" || !inventory.Last {
		t.Errorf("inventory: %v", inventory)
	}
	s.finish("runs")
	if len(s.running) != 0 {
		t.Error("what had not begun was begun")
	}
}

func TestWithoutASchedulerForTooLongAWorkerIsEmpty(t *testing.T) {
	s := newStage(t, 1)
	s.run("done", 1)
	s.finish("done")
	s.run("runs", 2)
	run := s.running["runs"]
	s.SessionLost()
	s.Finished(run, &pb.Payload{}, &pb.TaskFinished{Key: "runs", Attempt: 2})
	s.act()
	if len(s.Held()) != 0 || s.HasMail() || s.executing != 0 {
		t.Errorf("held %v, said %v, executing %d", s.Held(), s.said(), s.executing)
	}
}

func TestADrainingWorkerBeginsNothing(t *testing.T) {
	s := newStage(t, 1)
	s.hear(&pb.ToWorker{Drain: true})
	s.run("a", 1)
	if len(s.running) != 0 || s.Status() != pb.WorkerStatus_WORKER_STATUS_CLOSING {
		t.Errorf("running %v, status %v", s.running, s.Status())
	}
}

func TestATaskOfAnUnknownTemplateErrs(t *testing.T) {
	s := newStage(t, 1)
	s.hear(&pb.ToWorker{Run: []*pb.RunTask{{Key: "a", Attempt: 1, Template: 99}}})
	if erred := s.saidOnce().Erred; len(erred) != 1 || erred[0].Error.Reason != "UNKNOWN_TEMPLATE" {
		t.Errorf("erred: %v", erred)
	}
}
