package worker_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/worker"
)

const patience = 20 * time.Second

// stage plays scheduler and Center to one worker: the test says what the scheduler says, line by line.
type stage struct {
	pb.UnimplementedSchedulerServer
	pb.UnimplementedCenterServer
	t       *testing.T
	address string
	streams chan *played
	ended   chan error // how the worker's Run ended
	cancel  context.CancelFunc
	worker  *worker.Worker
}

// played is one stream of the worker, as the scheduler sees it.
type played struct {
	t      *testing.T
	stream grpc.BidiStreamingServer[pb.FromWorker, pb.ToWorker]
	hello  *pb.WorkerHello
	said   chan *pb.FromWorker // closed when the worker has ended the stream
	sent   uint64
	mutex  sync.Mutex
	heard  uint64
	over   chan struct{} // closed to end the stream

	reports map[string]*pb.TaskFinished
}

// newStage starts a worker with these functions, and waits for its hello.
func newStage(t *testing.T, nthreads int, functions ...worker.Function) (*stage, *played) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{
		t:       t,
		address: listener.Addr().String(),
		streams: make(chan *played, 10),
		ended:   make(chan error, 1),
	}
	server := grpc.NewServer()
	pb.RegisterSchedulerServer(server, s)
	pb.RegisterCenterServer(server, s)
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	s.worker, err = worker.New(worker.Options{
		Scheduler: s.address, Name: "gopher", Threads: nthreads, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, functions...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	running := make(chan struct{})
	go func() {
		defer close(running)
		s.ended <- s.worker.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		server.Stop()
		<-running
		if err := <-serving; err != nil {
			t.Error(err)
		}
	})
	return s, s.next()
}

// Register tells a member that the scheduler is here.
func (s *stage) Register(context.Context, *pb.RegisterRequest) (*pb.RegisterResponse, error) {
	return &pb.RegisterResponse{Scheduler: &pb.Member{Address: s.address}, Software: software()}, nil
}

// Heartbeat renews a lease.
func (s *stage) Heartbeat(context.Context, *pb.HeartbeatRequest) (*pb.HeartbeatResponse, error) {
	return &pb.HeartbeatResponse{}, nil
}

// Deregister lets a member go.
func (s *stage) Deregister(context.Context, *pb.DeregisterRequest) (*pb.DeregisterResponse, error) {
	return &pb.DeregisterResponse{}, nil
}

// ConnectWorker hands the stream to the test, and reads what the worker says.
func (s *stage) ConnectWorker(stream grpc.BidiStreamingServer[pb.FromWorker, pb.ToWorker]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	p := &played{
		t:      s.t,
		stream: stream,
		hello:  first.GetHello(),
		said:   make(chan *pb.FromWorker, 1000),
		over:   make(chan struct{}),

		reports: map[string]*pb.TaskFinished{},
	}
	s.streams <- p
	go func() {
		defer close(p.said)
		for {
			message, err := stream.Recv()
			if err != nil {
				return
			}
			p.mutex.Lock()
			p.heard = message.GetSequence()
			p.mutex.Unlock()
			p.said <- message
		}
	}()
	<-p.over
	return nil
}

// next waits for the worker's next stream.
func (s *stage) next() *played {
	s.t.Helper()
	select {
	case p := <-s.streams:
		return p
	case err := <-s.ended:
		s.t.Fatalf("the worker has ended: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the worker does not come")
	}
	return nil
}

// wait waits until the worker has ended.
func (s *stage) wait() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(patience):
		s.t.Fatal("the worker does not end")
	}
	return nil
}

func software() *pb.Software {
	return &pb.Software{ProtocolMajor: 1, Name: "stage"}
}

// welcome opens the session of a stream, and announces functions of the names given: template 1 runs
// the first of them, and so on.
func (p *played) welcome(session string, names ...string) {
	p.t.Helper()
	welcome := &pb.Welcome{
		Software: software(), ClusterId: "c", Epoch: 1, SchedulerId: "s", SessionId: session,
		Limits: &pb.Limits{InlineNbytes: 100},
	}
	p.must(p.stream.Send(&pb.ToWorker{Welcome: welcome}))
	definitions := &pb.ToWorker{}
	for index, name := range names {
		function := &pb.Function{Id: "go:" + name, Runtime: "go", Body: &pb.Function_Name{Name: name}}
		definitions.Functions = append(definitions.Functions, function)
		template := &pb.TaskTemplate{Id: uint32(index + 1), FunctionId: function.Id}
		definitions.Templates = append(definitions.Templates, template)
	}
	if len(names) > 0 {
		p.say(definitions)
	}
}

func (p *played) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// say sends the next message of the session.
func (p *played) say(message *pb.ToWorker) {
	p.t.Helper()
	p.sent++
	message.Sequence = p.sent
	p.mutex.Lock()
	message.Acknowledged = p.heard
	p.mutex.Unlock()
	p.must(p.stream.Send(message))
}

// run hands a task over.
func (p *played) run(key string, attempt uint64, template uint32, arguments ...*pb.Argument) {
	p.t.Helper()
	data, err := proto.Marshal(&pb.Arguments{Arguments: arguments})
	p.must(err)
	task := &pb.RunTask{Key: key, Attempt: attempt, Template: template, Arguments: data}
	for _, argument := range arguments {
		if argument.GetKey() != "" {
			task.Dependencies = append(task.Dependencies, &pb.Dependency{Key: argument.GetKey()})
		}
	}
	p.say(&pb.ToWorker{Run: []*pb.RunTask{task}})
}

func literal(codec, data string) *pb.Argument {
	return &pb.Argument{Value: &pb.Argument_Literal{Literal: &pb.Payload{Codec: codec, Data: []byte(data)}}}
}

func named(name, json string) *pb.Argument {
	argument := literal("json", json)
	argument.Name = name
	return argument
}

func keyed(key string) *pb.Argument {
	return &pb.Argument{Value: &pb.Argument_Key{Key: key}}
}

// hears waits for a message in which look finds something, and returns that.
func hears[T any](p *played, look func(*pb.FromWorker) (T, bool)) T {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case message, ok := <-p.said:
			if !ok {
				p.t.Fatal("the worker has ended the stream")
			}
			if found, ok := look(message); ok {
				return found
			}
		case <-late:
			p.t.Fatal("the worker does not say it")
		}
	}
}

func (p *played) finished(key string) *pb.TaskFinished {
	p.t.Helper()
	if report := p.reports[key]; report != nil {
		return report
	}
	return hears(p, func(message *pb.FromWorker) (*pb.TaskFinished, bool) {
		for _, report := range message.GetFinished() {
			p.reports[report.GetKey()] = report // several may come together
		}
		return p.reports[key], p.reports[key] != nil
	})
}

func (p *played) erred(key string) *pb.TaskError {
	p.t.Helper()
	return hears(p, func(message *pb.FromWorker) (*pb.TaskError, bool) {
		for _, report := range message.GetErred() {
			if report.GetKey() == key {
				return report.GetError(), true
			}
		}
		return nil, false
	})
}

// value returns the value that rode along with a report.
func (p *played) value(report *pb.TaskFinished) string {
	p.t.Helper()
	payload := &pb.Payload{}
	p.must(proto.Unmarshal(report.GetValue(), payload))
	return payload.GetCodec() + " " + string(payload.GetData())
}

// peer returns stubs of the worker's own server.
func (p *played) peer() *grpc.ClientConn {
	p.t.Helper()
	channel, err := grpc.NewClient(p.hello.GetAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	p.must(err)
	p.t.Cleanup(func() { p.must(channel.Close()) })
	return channel
}
