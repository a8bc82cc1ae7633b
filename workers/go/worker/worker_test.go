package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/worker"
)

type options struct {
	Times int    `json:"times"`
	Glue  string `json:"glue"`
}

func repeat(text string, how options) string {
	return strings.TrimSuffix(strings.Repeat(text+how.Glue, how.Times), how.Glue)
}

func fail() error {
	return fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})
}

func crash(list []int) int { return list[3] }

var (
	add = worker.Offer("add", "Add numbers.", func(numbers ...int) (sum int) {
		for _, number := range numbers {
			sum += number
		}
		return sum
	})
	large = worker.Offer("large", "Make so many bytes.", func(count int) []byte {
		return bytes.Repeat([]byte("x"), count)
	})
	wait = worker.Offer("wait", "Wait until cancelled.", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
)

func TestTheHelloSaysWhatIsOffered(t *testing.T) {
	_, p := newStage(t, 3, add, large, wait)
	offer := p.hello.GetRuntimes()[0]
	if p.hello.GetName() != "gopher" || p.hello.GetNthreads() != 3 || p.hello.GetAddress() == "" {
		t.Errorf("hello: %v", p.hello)
	}
	if offer.GetRuntime() != "go" || offer.GetRunsCode() || offer.GetAnyName() || len(offer.GetDecodes()) == 0 {
		t.Errorf("offer: %v", offer)
	}
	functions := offer.GetFunctions()
	if len(functions) != 3 || functions[0].GetDescription() != "Add numbers." {
		t.Fatalf("functions: %v", functions)
	}
	for index, returns := range []string{"json", "raw", "null"} {
		if got := functions[index].GetReturns(); len(got) != 1 || got[0] != returns {
			t.Errorf("%s returns %v", functions[index].GetName(), got)
		}
	}
}

func TestArgumentsComeInManyForms(t *testing.T) {
	_, p := newStage(t, 1, add, worker.Offer("repeat", "Repeat a text.", repeat))
	p.welcome("1", "add", "repeat")
	p.run("three", 1, 1, literal("json", "1"), literal("json", "2"))
	p.run("six", 2, 1, keyed("three"), literal("json", "3"))
	p.run("text", 3, 2, literal("text", "ab"), named("times", "2"), named("glue", `"-"`))
	report := p.finished("three")
	if got := p.value(report); got != "json 3" || report.GetAttempt() != 1 || report.GetType() != "int" {
		t.Errorf("three: %s, %v", got, report)
	}
	if got := p.value(p.finished("six")); got != "json 6" {
		t.Errorf("six: %s", got)
	}
	if got := p.value(p.finished("text")); got != "text ab-ab" {
		t.Errorf("text: %s", got)
	}
}

func TestErrorsAndPanicsAreDescribed(t *testing.T) {
	_, p := newStage(t, 1, add,
		worker.Offer("fail", "", fail),
		worker.Offer("crash", "", crash),
		worker.Offer("exit", "", func() { runtime.Goexit() }),
		worker.Offer("unsayable", "", func() any { return make(chan int) }),
	)
	p.welcome("1", "add", "fail", "crash", "exit", "unsayable", "absent")
	for template, want := range map[uint32]struct{ kind, message, reason, function string }{
		1: {"*json.UnmarshalTypeError", "argument 0, a int", "", ""},
		2: {"*fmt.wrapError", "reading: open x", "", "worker_test.fail"},
		3: {"runtime.boundsError", "index out of range [3]", "", "worker_test.crash"},
		4: {"*errors.errorString", "Goexit", "", "worker_test.TestErrors"},
		5: {"*codec.Unsupported", "chan int", "CODEC_UNSUPPORTED", ""},
		6: {"*worker.unknownFunction", "does not offer \"absent\"; it offers add, crash", "UNKNOWN_FUNCTION", ""},
	} {
		key := fmt.Sprint(template)
		var arguments []*pb.Argument
		switch template {
		case 1:
			arguments = append(arguments, literal("json", `"one"`))
		case 3:
			arguments = append(arguments, literal("json", "[1,2,3]"))
		}
		p.run(key, uint64(template), template, arguments...)
		failure := p.erred(key)
		if failure.GetType() != want.kind || failure.GetRuntime() != "go" || failure.GetReason() != want.reason {
			t.Errorf("%s: %v", key, failure)
		}
		if !strings.Contains(failure.GetMessage(), want.message) || !strings.Contains(failure.GetTraceback(), want.function) {
			t.Errorf("%s: %v", key, failure)
		}
		if failure.GetWorkerName() != "gopher" || failure.GetAttempt() != uint64(template) || failure.GetKey() != key {
			t.Errorf("%s: %v", key, failure)
		}
	}
}

func TestCancelEndsTheContextAndNothingIsReported(t *testing.T) {
	_, p := newStage(t, 1, wait, add)
	p.welcome("1", "wait", "add")
	p.run("w", 1, 1)
	p.run("a", 2, 2)
	p.say(&pb.ToWorker{Cancel: []*pb.TaskAttempt{{Key: "w", Attempt: 1}}})
	hears(p, func(message *pb.FromWorker) (bool, bool) {
		if len(message.GetErred()) > 0 {
			t.Errorf("reported: %v", message.GetErred())
		}
		return true, len(message.GetFinished()) > 0 // the thread was given to the next one
	})
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	_, p := newStage(t, 1, add)
	p.welcome("1", "add")
	strange := &pb.ToWorker{}
	strange.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1999, protowire.VarintType), 1))
	p.say(strange)
	p.run("a", 1, 1)
	p.finished("a")
}

func TestDataIsServedInChunksToWhomIsMeant(t *testing.T) {
	_, p := newStage(t, 1, large)
	p.welcome("1", "large")
	p.run("big", 1, 1, literal("json", "300000"))
	if report := p.finished("big"); report.GetNbytes() != 300_000 || len(report.GetValue()) > 0 {
		t.Errorf("report: %d bytes, %d along with it", report.GetNbytes(), len(report.GetValue()))
	}
	peer := pb.NewWorkerClient(p.peer())
	request := &pb.GetDataRequest{
		WorkerId: p.hello.GetWorkerId(), Keys: []string{"big"}, AcceptCodecs: []string{"raw"}, ChunkNbytes: 100_000,
	}
	chunks, err := getData(peer, request)
	if err != nil || len(chunks) != 3 || chunks[0].GetHeader().GetValue().GetCodec() != "raw" {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	whole := slices.Concat(chunks[0].GetData(), chunks[1].GetData(), chunks[2].GetData())
	request.Offset, request.Fingerprint = 250_000, chunks[0].GetHeader().GetFingerprint()
	request.ReceivedCrc32 = crc32.ChecksumIEEE(whole[:250_000])
	if rest, err := getData(peer, request); err != nil || len(rest) != 1 || rest[0].GetOffset() != 250_000 {
		t.Errorf("from an offset: %v, %v", rest, err)
	}
	request.ReceivedCrc32++
	if again, err := getData(peer, request); err != nil || len(again) != 3 {
		t.Errorf("with another beginning: %d chunks, %v", len(again), err)
	}
	request.ReceivedCrc32--
	request.Fingerprint = "of another encoding"
	if again, err := getData(peer, request); err != nil || len(again) != 3 {
		t.Errorf("with another fingerprint: %d chunks, %v", len(again), err)
	}
	request.AcceptCodecs = []string{"arrow"}
	call, err := peer.GetData(context.Background(), request)
	p.must(err)
	answer, err := call.Recv()
	failure := answer.GetItems()[0].GetError()
	told := "a value of type []uint8 can be said in raw, and its reader accepts arrow"
	if err != nil || failure.GetReason() != "CODEC_UNSUPPORTED" || failure.GetMessage() != told {
		t.Errorf("in a codec that Go lacks: %v, %v", answer, err)
	}
	request.WorkerId = "another"
	if _, err := getData(peer, request); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("meant for another: %v", err)
	}
}

func getData(peer pb.WorkerClient, request *pb.GetDataRequest) ([]*pb.DataChunk, error) {
	call, err := peer.GetData(context.Background(), request)
	if err != nil {
		return nil, err
	}
	var chunks []*pb.DataChunk
	for {
		response, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return chunks, nil
		}
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, response.GetChunk())
	}
}

func TestPutListRunAndDelete(t *testing.T) {
	_, p := newStage(t, 1, add)
	p.welcome("1", "add")
	ctx, peer := context.Background(), pb.NewWorkerClient(p.peer())
	put, err := peer.PutData(ctx)
	p.must(err)
	pickled := &pb.Payload{Codec: "python/pickle5", Data: []byte("p")}
	items := []*pb.DataItem{{Outcome: &pb.DataItem_Value{Value: pickled}}}
	p.must(put.Send(&pb.PutDataRequest{Keys: []string{"x"}, Items: items}))
	stored, err := put.CloseAndRecv()
	if err != nil || len(stored.GetStored()) != 1 || stored.GetStored()[0].GetPut() != 1 {
		t.Fatalf("stored: %v, %v", stored, err)
	}
	list, err := peer.ListData(ctx, &pb.ListDataRequest{PageSize: 1})
	if err != nil || len(list.GetData()) != 1 || list.GetNextPageToken() != "" {
		t.Errorf("list: %v, %v", list, err)
	}
	ran, err := peer.Run(ctx, &pb.RunRequest{
		Function:  &pb.Function{Runtime: "go", Body: &pb.Function_Name{Name: "add"}},
		Arguments: &pb.Arguments{Arguments: []*pb.Argument{literal("json", "2")}},
	})
	if err != nil || string(ran.GetValue().GetData()) != "2" {
		t.Errorf("ran: %v, %v", ran, err)
	}
	var trailer metadata.MD
	_, err = peer.Run(ctx, &pb.RunRequest{Function: &pb.Function{Runtime: "python"}}, grpc.Trailer(&trailer))
	if status.Code(err) != codes.InvalidArgument || trailer.Get("gdistributed-reason")[0] != "UNKNOWN_FUNCTION" {
		t.Errorf("ran code of Python: %v, %v", err, trailer)
	}
	deleted, err := peer.DeleteData(ctx, &pb.DeleteDataRequest{Keys: []string{"x", "y"}})
	if err != nil || len(deleted.GetDeleted()) != 1 {
		t.Errorf("deleted: %v, %v", deleted, err)
	}
	state, err := peer.GetStatus(ctx, &pb.GetStatusRequest{})
	if err != nil || state.GetHeld() != 0 || state.GetMetrics().GetMemoryNbytes() == 0 {
		t.Errorf("status: %v, %v", state, err)
	}
	logs, err := pb.NewServerClient(p.peer()).GetLogs(ctx, &pb.GetLogsRequest{Level: "INFO"})
	if err != nil || !strings.Contains(logs.String(), "registered") {
		t.Errorf("logs: %v, %v", logs, err)
	}
}

func TestASessionGoesOnOverANewStream(t *testing.T) {
	s, p := newStage(t, 1, add)
	p.welcome("1", "add")
	p.run("a", 1, 1)
	p.finished("a")
	close(p.over)
	again := s.next()
	resume := again.hello.GetResume()
	if resume.GetSessionId() != "1" || resume.GetReceived() != 2 || again.hello.GetWorkerId() != p.hello.GetWorkerId() {
		t.Fatalf("hello: %v", again.hello)
	}
	p.must(again.stream.Send(&pb.ToWorker{Welcome: &pb.Welcome{
		Software: software(), ClusterId: "c", Epoch: 1, SchedulerId: "s", SessionId: "1", Resumed: true,
	}}))
	if said := hears(again, func(m *pb.FromWorker) (uint64, bool) { return m.GetSequence(), len(m.GetFinished()) > 0 }); said == 0 {
		t.Error("the report is not numbered")
	}
	again.sent = 2
	again.run("b", 2, 1)
	again.finished("b")
}

func TestANewSessionBeginsWithAnInventory(t *testing.T) {
	s, p := newStage(t, 2, add, wait)
	p.welcome("1", "add", "wait")
	p.run("a", 1, 1)
	p.run("w", 2, 2)
	p.finished("a")
	close(p.over)
	again := s.next()
	again.welcome("2")
	inventory := hears(again, func(m *pb.FromWorker) (*pb.Inventory, bool) {
		return m.GetInventory(), m.GetInventory().GetLast()
	})
	if held := inventory.GetHeld(); len(held) != 1 || held[0].GetKey() != "a" || held[0].GetAttempt() != 1 {
		t.Errorf("held: %v", held)
	}
	if running := inventory.GetRunning(); len(running) != 1 || running[0].GetAttempt() != 2 {
		t.Errorf("running: %v", running)
	}
	again.say(&pb.ToWorker{Reconcile: &pb.Reconcile{Drop: []string{"a"}, Cancel: inventory.GetRunning()}})
	again.isEmpty(t)
}

// isEmpty sees that the worker is empty.
func (p *played) isEmpty(t *testing.T) {
	t.Helper()
	peer := pb.NewWorkerClient(p.peer())
	hears(p, func(m *pb.FromWorker) (bool, bool) {
		metrics := m.GetHeartbeat().GetMetrics()
		return true, metrics != nil && metrics.GetExecuting() == 0
	})
	list, err := peer.ListData(context.Background(), &pb.ListDataRequest{})
	if err != nil || len(list.GetData()) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestADrainingWorkerSaysSoAndStopsAtTheGoodbye(t *testing.T) {
	s, p := newStage(t, 1, add)
	p.welcome("1", "add")
	hears(p, func(m *pb.FromWorker) (bool, bool) { return true, m.GetHeartbeat() != nil })
	if !s.worker.Drain() {
		t.Fatal("nobody listens")
	}
	hears(p, func(m *pb.FromWorker) (bool, bool) {
		return true, m.GetHeartbeat().GetStatus() == pb.WorkerStatus_WORKER_STATUS_CLOSING
	})
	p.say(&pb.ToWorker{Goodbye: &pb.Goodbye{Reason: "retired"}})
	for range p.said { // until the worker has ended its side
	}
	close(p.over)
	if err := s.wait(); err != nil {
		t.Error(err)
	}
}

func TestAWorkerThatIsStoppedSaysGoodbye(t *testing.T) {
	s, p := newStage(t, 1, add)
	p.welcome("1")
	hears(p, func(m *pb.FromWorker) (bool, bool) { return true, m.GetHeartbeat() != nil })
	s.cancel()
	goodbye := hears(p, func(m *pb.FromWorker) (*pb.Goodbye, bool) { return m.GetGoodbye(), m.GetGoodbye() != nil })
	close(p.over)
	if err := s.wait(); err != nil || goodbye.GetReason() == "" {
		t.Errorf("goodbye %v, %v", goodbye, err)
	}
}

func TestASchedulerOfAnotherMajorIsRefused(t *testing.T) {
	s, p := newStage(t, 1, add)
	stranger := &pb.Software{ProtocolMajor: 2, Name: "stage", Version: "9"}
	p.must(p.stream.Send(&pb.ToWorker{Welcome: &pb.Welcome{Software: stranger, SessionId: "1"}}))
	err := s.wait()
	close(p.over)
	if err == nil || !strings.Contains(err.Error(), "speaks protocol version 2.0") || !strings.Contains(err.Error(), "1.0") {
		t.Errorf("the worker ended with %v", err)
	}
}

func TestMistakesInTheProgramAreFoundWhenItStarts(t *testing.T) {
	for name, offer := range map[string]func(){
		"no function":   func() { worker.Offer("x", "", 3) },
		"no name":       func() { worker.Offer("", "", fail) },
		"two results":   func() { worker.Offer("x", "", func() (int, int) { return 1, 2 }) },
		"a long letter": func() { worker.Offer("x", strings.Repeat("x", 201), fail) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			offer()
		}()
	}
	if _, err := worker.New(worker.Options{Scheduler: "x:1"}, add, add); err == nil {
		t.Error("two functions have the same name")
	}
	if _, err := worker.New(worker.Options{}); err == nil {
		t.Error("a worker without a scheduler is made")
	}
}
