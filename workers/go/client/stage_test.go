package client_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gdistributed/gdistributed/workers/go/client"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// stage plays a scheduler to one client.
type stage struct {
	pb.UnimplementedSchedulerServer
	pb.UnimplementedServerServer
	t       *testing.T
	streams chan *played
}

// played is one stream of the client; it ends when the test closes over.
type played struct {
	grpc.BidiStreamingServer[pb.FromClient, pb.ToClient]
	t     *testing.T
	hello *pb.ClientHello
	over  chan struct{}
}

func newStage(t *testing.T) (*stage, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, streams: make(chan *played, 10)}
	server := grpc.NewServer()
	pb.RegisterSchedulerServer(server, s)
	pb.RegisterServerServer(server, s)
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-serving; err != nil {
			t.Error(err)
		}
	})
	return s, listener.Addr().String()
}

// Identify says that this is the scheduler.
func (s *stage) Identify(context.Context, *pb.IdentifyRequest) (*pb.IdentifyResponse, error) {
	return &pb.IdentifyResponse{Role: "scheduler"}, nil
}

// ConnectClient hands the stream to the test.
func (s *stage) ConnectClient(stream grpc.BidiStreamingServer[pb.FromClient, pb.ToClient]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	p := &played{BidiStreamingServer: stream, t: s.t, hello: first.GetHello(), over: make(chan struct{})}
	s.streams <- p
	<-p.over
	return nil
}

func (p *played) say(message *pb.ToClient) {
	p.t.Helper()
	if err := p.Send(message); err != nil {
		p.t.Fatal(err)
	}
}

func welcome(session string, resumed bool, received uint64) *pb.ToClient {
	return &pb.ToClient{Welcome: &pb.Welcome{
		Software: &pb.Software{ProtocolMajor: 1}, SessionId: session, Resumed: resumed, Received: received,
	}}
}

// heard reads until the client has submitted a graph, or in a new session has said what it wants.
func (p *played) heard() []*pb.FromClient {
	p.t.Helper()
	var messages []*pb.FromClient
	for {
		message, err := p.Recv()
		if err != nil {
			p.t.Fatal(err)
		}
		messages = append(messages, message)
		if message.GetWanted() != nil || (len(message.GetGraphs()) > 0 && p.hello.GetResume() == nil) {
			return messages
		}
	}
}

// open connects a client to a stage, and submits a task.
func open(t *testing.T) (*stage, *client.Client, *played, *client.Future) {
	t.Helper()
	s, address := newStage(t)
	connected := make(chan *client.Client, 1)
	go func() {
		cluster, err := client.Connect(context.Background(), address)
		if err != nil {
			t.Error(err)
		}
		connected <- cluster
	}()
	p := <-s.streams
	p.say(welcome("1", false, 0))
	cluster := <-connected
	if cluster == nil {
		t.FailNow()
	}
	future, err := cluster.Submit("go", "f", 1)
	if err != nil {
		t.Fatal(err)
	}
	return s, cluster, p, future
}

func finished(key string, value string) []*pb.TaskFinished {
	data, _ := proto.Marshal(&pb.Payload{Codec: "json", Data: []byte(value)})
	return []*pb.TaskFinished{{Key: key, Value: data}}
}

func TestWhatIsSubmittedIsAnnouncedOnce(t *testing.T) {
	_, cluster, p, first := open(t)
	batch := p.heard()[0]
	if batch.GetFunctions()[0].GetId() != "go:f" || batch.GetTemplates()[0].GetFunctionId() != "go:f" {
		t.Errorf("announced: %v", batch)
	}
	if _, err := cluster.Submit("go", "f", first); err != nil {
		t.Fatal(err)
	}
	again := p.heard()
	task := again[len(again)-1].GetGraphs()[0].GetTasks()[0]
	if len(again[len(again)-1].GetTemplates()) > 0 || task.GetTemplate() != 1 || task.GetDependencies()[0] != first.Key() {
		t.Errorf("then: %v", again)
	}
	close(p.over)
	closed(t, cluster)
}

// closed closes a client whose scheduler says nothing any more.
func closed(t *testing.T, cluster *client.Client) {
	t.Helper()
	if err := cluster.Close(); err != nil {
		t.Error(err)
	}
}

func TestASessionGoesOnOverANewStream(t *testing.T) {
	s, cluster, p, future := open(t)
	p.heard()
	p.say(&pb.ToClient{Sequence: 1, Acknowledged: 1, GraphsAccepted: 1})
	close(p.over)
	again := <-s.streams
	if again.hello.GetResume().GetSessionId() != "1" {
		t.Fatalf("hello: %v", again.hello)
	}
	again.say(welcome("1", true, 1))
	again.say(&pb.ToClient{Sequence: again.hello.GetResume().GetReceived() + 1, Finished: finished(future.Key(), "7")})
	var value int
	if err := future.Get(context.Background(), &value); err != nil || value != 7 {
		t.Errorf("%d, %v", value, err)
	}
	close(again.over)
	closed(t, cluster)
}

func TestANewSessionHearsWhatCounts(t *testing.T) {
	s, cluster, p, future := open(t)
	p.heard()
	close(p.over) // before the graph was accepted
	again := <-s.streams
	again.say(welcome("2", false, 0))
	messages := again.heard()
	first, last := messages[0], messages[len(messages)-1]
	if len(first.GetFunctions()) != 1 || len(first.GetTemplates()) != 1 || first.GetGraphs()[0].GetNumber() != 1 {
		t.Errorf("said again: %v", first)
	}
	if last.GetWanted().GetLastGraph() != 1 || last.GetWanted().GetKeys()[0] != future.Key() {
		t.Errorf("wanted: %v", last)
	}
	again.say(&pb.ToClient{Sequence: 1, GraphsAccepted: 1, Finished: finished(future.Key(), "7")})
	var value int
	if err := future.Get(context.Background(), &value); err != nil || value != 7 {
		t.Errorf("%d, %v", value, err)
	}
	close(again.over)
	closed(t, cluster)
}

func TestARefusedGraphIsAnErrorOfItsFutures(t *testing.T) {
	_, cluster, p, future := open(t)
	p.heard()
	refused := &pb.GraphRefused{Number: 1, Reason: "UNKNOWN_FUNCTION", Message: "nobody offers f", Wanted: []string{future.Key()}}
	p.say(&pb.ToClient{Sequence: 1, GraphsAccepted: 1, Refused: []*pb.GraphRefused{refused}})
	var failure *client.TaskError
	if err := future.Wait(context.Background()); !errors.As(err, &failure) || failure.Reason != "UNKNOWN_FUNCTION" {
		t.Errorf("%v", err)
	}
	close(p.over)
	closed(t, cluster)
}
