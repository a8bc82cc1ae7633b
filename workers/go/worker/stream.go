package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/session"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

const (
	pauseMin     = 200 * time.Millisecond
	pauseMax     = 5 * time.Second
	helloTimeout = 10 * time.Second
	heartbeat    = time.Second     // until a welcome says something else
	orphanAfter  = 5 * time.Minute // without a scheduler the worker begins empty
)

// accepted are the codecs in which values of peers are welcome.
var accepted = codec.Names

type (
	workerSession = session.Session[*pb.FromWorker]
	workerLink    = session.Link[*pb.FromWorker, *pb.ToWorker]
)

// conversation is what the worker has with schedulers, over as many streams as it takes.
type conversation struct {
	worker     *Worker
	membership *membership
	session    *workerSession
	welcome    *pb.Welcome // the last one; nil before the first
	goodbye    string      // why it is over
	lostAt     time.Time   // when the last stream broke; zero when that is forgotten
}

func newSession(id string) *workerSession {
	return session.New(id,
		func() *pb.FromWorker { return &pb.FromWorker{} },
		func(message *pb.FromWorker, sequence, acknowledged uint64) {
			message.Sequence, message.Acknowledged = sequence, acknowledged
		})
}

// converse serves one scheduler after the other, until one says goodbye or refuses the worker, or the
// context is done.
func (w *Worker) converse(ctx context.Context) error {
	c := &conversation{worker: w, session: newSession("")}
	defer c.leave()
	pause := pauseMin
	for ctx.Err() == nil && c.goodbye == "" {
		c.giveUpInTime()
		welcomed, err := c.serve(ctx)
		if wire.IsRefusal(err) {
			w.log.Error("the scheduler refused this worker", "cause", err)
			return err
		}
		if welcomed {
			pause = pauseMin
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		w.log.Warn("no session with the scheduler; trying again", "address", w.options.Scheduler, "cause", err)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = min(pause*8/5, pauseMax)
	}
	w.log.Info("the session is over", "cause", c.goodbye)
	return nil
}

func (c *conversation) leave() {
	if c.membership != nil {
		c.membership.leave(c.goodbye)
	}
}

// serve holds one stream, from its hello to its end; it says whether there was a welcome.
func (c *conversation) serve(ctx context.Context) (welcomed bool, err error) {
	if c.membership == nil {
		if c.membership, err = join(ctx, c.worker); err != nil {
			return false, err
		}
	}
	address, err := c.membership.scheduler(ctx)
	if err != nil {
		return false, err
	}
	channel, err := wire.Dial(address, c.worker.security)
	if err != nil {
		return false, err
	}
	defer channel.Close()
	// The stream outlives the context: a goodbye is to be said on it.
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stream, welcome, err := c.greet(streaming, channel)
	if err != nil {
		return false, err
	}
	said := "registered"
	if welcome.GetResumed() {
		said = "resumed"
	}
	if err := c.enter(welcome); err != nil {
		return true, err
	}
	c.worker.log.Info(said, "scheduler", address, "worker", c.worker.options.Name)
	err = c.exchange(ctx, streaming, cancel, stream)
	return true, wire.Explain(err, stream.Trailer)
}

type schedulerStream = grpc.BidiStreamingClient[pb.FromWorker, pb.ToWorker]

// greet opens a stream with the hello, and returns it with the welcome.
func (c *conversation) greet(ctx context.Context, channel *grpc.ClientConn) (schedulerStream, *pb.Welcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(helloTimeout, cancel)
	stream, err := pb.NewSchedulerClient(channel).ConnectWorker(ctx)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	hello := c.hello()
	// Of a stream that breaks Recv says why.
	sent := stream.Send(&pb.FromWorker{Hello: hello})
	message, err := stream.Recv()
	switch {
	case !late.Stop():
		err = fmt.Errorf("the scheduler did not answer the hello within %s", helloTimeout)
	case err != nil:
		err = wire.Explain(err, stream.Trailer)
	case sent != nil:
		err = sent
	case message.GetWelcome() == nil:
		err = errors.New("the first message of the scheduler is no welcome")
	default:
		err = c.check(message.GetWelcome())
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return stream, message.GetWelcome(), nil
}

// check refuses a scheduler that does not understand this worker, or that should have ended.
func (c *conversation) check(welcome *pb.Welcome) error {
	if err := wire.CheckSoftware(welcome.GetSoftware(), "scheduler"); err != nil {
		return err
	}
	if welcome.GetClusterId() == c.welcome.GetClusterId() && welcome.GetEpoch() < c.welcome.GetEpoch() {
		return fmt.Errorf("this scheduler is of epoch %d, but the cluster has had one of epoch %d since: "+
			"it should have ended", welcome.GetEpoch(), c.welcome.GetEpoch())
	}
	return nil
}

// hello says who this is, and where the last session ended.
func (c *conversation) hello() *pb.WorkerHello {
	w := c.worker
	hello := &pb.WorkerHello{
		Software:  wire.Software(),
		WorkerId:  w.id,
		Name:      w.options.Name,
		Address:   w.address,
		Host:      hostname(),
		ProcessId: int64(os.Getpid()),
		Nthreads:  uint32(w.options.Threads),
		Resources: w.options.Resources,
		Labels:    w.options.Labels,
		Runtimes: []*pb.RuntimeOffer{{
			Runtime:   language,
			Version:   strings.TrimPrefix(runtime.Version(), "go"),
			Functions: w.offers,
			Decodes:   codec.Names,
			Encodes:   codec.Names,
		}},
	}
	if c.session.ID != "" {
		hello.Resume = &pb.Resume{SessionId: c.session.ID, Received: c.session.Received()}
		hello.ClusterId = c.welcome.GetClusterId()
		hello.Epoch = c.welcome.GetEpoch()
	}
	return hello
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// enter goes on with the session, or begins a new one and says what is left of the last.
func (c *conversation) enter(welcome *pb.Welcome) error {
	last := c.welcome
	c.welcome = welcome
	if welcome.GetResumed() {
		return c.session.Resume(welcome.GetReceived())
	}
	unacknowledged := c.session.Unacknowledged()
	c.session = newSession(welcome.GetSessionId())
	if last != nil {
		same := last.GetSchedulerId() == welcome.GetSchedulerId()
		c.worker.tell(func() { c.worker.brain.SessionBegan(unacknowledged, same) })
	}
	return nil
}

// exchange reads and writes until the stream ends. When the context is done it says goodbye.
func (c *conversation) exchange(
	ctx, streaming context.Context, cancel context.CancelFunc, stream schedulerStream,
) error {
	w := c.worker
	if limit := c.welcome.GetLimits().GetInlineNbytes(); limit > 0 {
		w.inlineBytes.Store(limit)
	}
	link := session.NewLink[*pb.FromWorker, *pb.ToWorker](c.session, w.takeMail, isGoodbye, w.log)
	link.Receive = func(batch *pb.ToWorker) { c.hear(link, batch) }
	w.setWake(link.Wake)
	defer w.setWake(nil)
	beating := c.beatRegularly(streaming)
	leaving := context.AfterFunc(ctx, func() {
		w.tell(func() { w.brain.Goodbye("closed") })
		time.AfterFunc(closeTimeout, cancel)
	})
	err := link.Run(streaming, cancel, stream)
	leaving()
	<-beating
	if c.goodbye != "" || ctx.Err() != nil {
		return nil
	}
	c.lostAt = time.Now()
	if err == nil {
		err = errors.New("the scheduler ended the stream")
	}
	return err
}

func (c *conversation) hear(link *workerLink, batch *pb.ToWorker) {
	if goodbye := batch.GetGoodbye(); goodbye != nil {
		c.goodbye = goodbye.GetReason()
		if c.goodbye == "" {
			c.goodbye = "goodbye"
		}
	}
	c.worker.tell(func() { c.worker.brain.Hear(batch) })
	if c.goodbye != "" {
		link.Finish()
	}
}

// giveUpInTime begins empty when there has been no scheduler for too long.
func (c *conversation) giveUpInTime() {
	if c.lostAt.IsZero() || time.Since(c.lostAt) < orphanAfter {
		return
	}
	c.worker.log.Warn("no scheduler for too long: what was held for it is dropped")
	c.worker.tell(c.worker.brain.SessionLost)
	c.session, c.welcome, c.lostAt = newSession(""), nil, time.Time{}
}

// beatRegularly sends heartbeats until the context is done; the channel is closed then.
func (c *conversation) beatRegularly(ctx context.Context) <-chan struct{} {
	interval := heartbeat
	if stated := c.welcome.GetLimits().GetHeartbeat().AsDuration(); stated > 0 {
		interval = stated
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			c.worker.beat()
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return done
}

func isGoodbye(message *pb.FromWorker) bool { return message.GetGoodbye() != nil }

func (w *Worker) takeMail() (*pb.FromWorker, bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.brain.Mail()
}

func (w *Worker) setWake(wake func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.wake = wake
}

// beat sends a heartbeat; it says whether anybody listens.
func (w *Worker) beat() (listens bool) {
	w.tell(func() {
		if listens = w.wake != nil; listens {
			w.brain.Heartbeat(w.metrics(), w.takeBandwidths())
		}
	})
	return listens
}

// takeBandwidths returns what was measured since the last heartbeat; the mutex is held.
func (w *Worker) takeBandwidths() []*pb.Bandwidth {
	var bandwidths []*pb.Bandwidth
	for host, moved := range w.moved {
		bandwidths = append(bandwidths, &pb.Bandwidth{
			Host: host, BytesPerSecond: float64(moved.bytes) / moved.took.Seconds(), Nbytes: moved.bytes,
		})
	}
	clear(w.moved)
	return bandwidths
}
