// Package client submits named functions to a gdistributed cluster, and fetches their results.
//
//	cluster, err := client.Connect(ctx, "127.0.0.1:8786")
//	...
//	defer cluster.Close()
//	words, err := cluster.Submit("go", "wordcount.Count", "the cat and the dog")
//	count, err := cluster.Submit("python", "builtins.len", words)
//	var different int
//	err = count.Get(ctx, &different)
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/session"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

const (
	heartbeat    = time.Second      // until a welcome says something else
	lostTimeout  = 30 * time.Second // without a scheduler futures fail
	retryPause   = 100 * time.Millisecond
	closeTimeout = 2 * time.Second
	pace         = time.Millisecond // of messages, so that many tasks travel in one
)

type (
	clientSession = session.Session[*pb.FromClient]
	clientLink    = session.Link[*pb.FromClient, *pb.ToClient]
	clientStream  = grpc.BidiStreamingClient[pb.FromClient, pb.ToClient]
)

// Client is a connection to a cluster. It can be used from any goroutine.
type Client struct {
	id, address string
	log         *slog.Logger
	channels    wire.Channels
	session     *clientSession // of the goroutine that serves
	interval    time.Duration  // of heartbeats
	closing     chan struct{}
	closed      chan struct{}

	mutex     sync.Mutex // guards what follows
	ended     error      // why nothing can be asked any more; nil while it can
	wake      func()     // writes mail; nil while there is no stream
	mail      []*pb.FromClient
	mailBytes int // of the last batch
	functions []*pb.Function
	templates []*pb.TaskTemplate
	graphs    []*pb.SubmitGraph // that were not accepted yet
	lastGraph uint64
	records   map[string]*record
	peers     map[uint32]*pb.Peer
}

// Option is something that a client is to do in another way.
type Option func(*Client) error

// WithTLS has a client speak TLS, with the certificates of the cluster in a folder: ca.crt, tls.crt and
// tls.key, as `gd certificates` makes them.
func WithTLS(folder string) Option {
	return func(c *Client) (err error) {
		c.channels.Security, err = wire.LoadSecurity(folder)
		return err
	}
}

// Connect begins a session with the scheduler at an address, or with that of the Center there. It is an
// error when nobody answers before the context is done, or when the two do not understand each other.
func Connect(ctx context.Context, address string, options ...Option) (*Client, error) {
	c := &Client{
		id:      wire.NewID(),
		address: address,
		log:     slog.Default(),
		session: newSession(""),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
		records: map[string]*record{},
		peers:   map[uint32]*pb.Peer{},
	}
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	open, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	go c.live(open)
	return c, nil
}

// Close says goodbye and ends the session; results that nobody else wants are let go. Who waits for a
// future gets ErrClosed.
func (c *Client) Close() error {
	c.mutex.Lock()
	isOpen := c.ended == nil
	if isOpen {
		c.ended = ErrClosed
		c.lastBatch(0).Goodbye = &pb.Goodbye{Reason: "closed"}
		close(c.closing)
	}
	c.wakeUp()
	c.mutex.Unlock()
	<-c.closed
	return c.channels.Close()
}

// opened is a stream that was welcomed.
type opened struct {
	stream  clientStream
	ctx     context.Context
	cancel  context.CancelFunc
	channel *grpc.ClientConn
}

func (o *opened) close() {
	o.cancel()
	o.channel.Close()
}

// live serves one stream after the other, until there is no scheduler or no client.
func (c *Client) live(open *opened) {
	defer close(c.closed)
	for {
		err := c.serve(open)
		open.close()
		if c.isClosing() {
			c.settleAll(ErrClosed)
			return
		}
		c.log.Warn("lost the scheduler", "address", c.address, "cause", err)
		if open, err = c.openAgain(err); err != nil {
			c.settleAll(fmt.Errorf("the scheduler at %s is gone: %w", c.address, err))
			return
		}
	}
}

func (c *Client) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// openAgain opens another stream, within a while.
func (c *Client) openAgain(cause error) (*opened, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lostTimeout)
	defer cancel()
	for !wire.IsRefusal(cause) {
		open, err := c.open(ctx)
		if err == nil {
			return open, nil
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			cause = err
		}
		select {
		case <-time.After(retryPause):
		case <-c.closing:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, cause
		}
	}
	return nil, cause
}

// open finds the scheduler, and opens a stream to it that is welcomed before the context is done.
func (c *Client) open(ctx context.Context) (*opened, error) {
	channel, err := wire.DialScheduler(ctx, c.address, c.channels.Security)
	if err != nil {
		return nil, err
	}
	streaming, cancel := context.WithCancel(context.Background())
	open := &opened{ctx: streaming, cancel: cancel, channel: channel}
	late := context.AfterFunc(ctx, cancel)
	err = c.greet(open)
	if !late() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		open.close()
		return nil, err
	}
	return open, nil
}

func (c *Client) greet(open *opened) (err error) {
	if open.stream, err = pb.NewSchedulerClient(open.channel).ConnectClient(open.ctx); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	hello := &pb.ClientHello{
		Software:  wire.Software(),
		ClientId:  c.id,
		Name:      fmt.Sprintf("go-%s-%d", host, os.Getpid()),
		Host:      host,
		ProcessId: int64(os.Getpid()),
	}
	if c.session.ID != "" {
		hello.Resume = &pb.Resume{SessionId: c.session.ID, Received: c.session.Received()}
	}
	sent := open.stream.Send(&pb.FromClient{Hello: hello})
	message, err := open.stream.Recv()
	if err != nil {
		return wire.Explain(err, open.stream.Trailer)
	}
	welcome := message.GetWelcome()
	if sent != nil || welcome == nil {
		return errors.Join(sent, errors.New("the scheduler did not welcome this client"))
	}
	if err := wire.CheckSoftware(welcome.GetSoftware(), "scheduler"); err != nil {
		return err
	}
	return c.enter(welcome)
}

// enter goes on with the session, or begins a new one and says again what counts.
func (c *Client) enter(welcome *pb.Welcome) error {
	c.interval = heartbeat
	if stated := welcome.GetLimits().GetHeartbeat().AsDuration(); stated > 0 {
		c.interval = stated
	}
	if welcome.GetResumed() {
		return c.session.Resume(welcome.GetReceived())
	}
	c.session = newSession(welcome.GetSessionId())
	c.sayAgain()
	return nil
}

// serve reads and writes one stream until it ends; it returns why it did.
func (c *Client) serve(open *opened) error {
	link := session.NewLink[*pb.FromClient, *pb.ToClient](c.session, c.takeMail, isGoodbye, c.log)
	link.Receive, link.Pace = c.hear, pace
	c.setWake(link.Wake)
	defer c.setWake(nil)
	ended := make(chan struct{})
	go c.beat(open, c.interval, ended)
	err := link.Run(open.ctx, open.cancel, open.stream)
	close(ended)
	if err == nil {
		return errors.New("the stream ended")
	}
	return wire.Explain(err, open.stream.Trailer)
}

// beat sends heartbeats until the stream has ended, and sees to it that it ends after a goodbye.
func (c *Client) beat(open *opened, interval time.Duration, ended <-chan struct{}) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.mutex.Lock()
			if c.ended == nil {
				c.batch(0).Heartbeat = true
				c.wakeUp()
			}
			c.mutex.Unlock()
		case <-c.closing:
			select {
			case <-time.After(closeTimeout):
				open.cancel()
			case <-ended:
			}
			return
		case <-ended:
			return
		}
	}
}

func newSession(id string) *clientSession {
	return session.New(id,
		func() *pb.FromClient { return &pb.FromClient{} },
		func(message *pb.FromClient, sequence, acknowledged uint64) {
			message.Sequence, message.Acknowledged = sequence, acknowledged
		})
}

func isGoodbye(message *pb.FromClient) bool { return message.GetGoodbye() != nil }
