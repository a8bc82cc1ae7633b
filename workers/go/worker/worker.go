package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/brain"
	"github.com/gdistributed/gdistributed/workers/go/internal/transfer"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

const (
	inlineBytes    = 16 << 10         // until a welcome says something else
	drainTimeout   = 20 * time.Second // for others to copy what lies here alone
	closeTimeout   = 2 * time.Second  // for a goodbye, and for calls to end
	companyTimeout = time.Millisecond // for mail to be joined by more
)

// Options say what a worker is like.
type Options struct {
	// Scheduler is the address of a scheduler or a Center, as "host:port".
	Scheduler string
	// Name of the worker, unique in the cluster; by default of the host and the process.
	Name string
	// Host to listen on, which peers and clients reach; by default loopback. With 0.0.0.0, all
	// addresses, they are told the one that this host has on the way to the scheduler.
	Host string
	// Port to listen on; 0 picks a free one.
	Port int
	// Threads is how many tasks run at once; by default runtime.GOMAXPROCS.
	Threads int
	// Resources that tasks may hold, by name.
	Resources map[string]float64
	// Labels for people and for restrictions.
	Labels map[string]string
	// TLS is the folder with the certificates of a cluster that speaks TLS: ca.crt, tls.crt and
	// tls.key, as `gd certificates` makes them. By default connections are plain.
	TLS string
	// Logger gets what the worker has to say; by default slog.Default.
	Logger *slog.Logger
}

// Worker is one worker of a cluster. It is made by New and lives while Run does.
type Worker struct {
	options   Options
	id        string
	address   string
	functions map[string]*Function
	offers    []*pb.FunctionOffer
	security  *wire.Security
	log       *slog.Logger
	recent    *recentLines
	started   time.Time

	mutex     sync.Mutex // guards what follows, up to the blank line
	brain     *brain.Brain
	cancels   map[*brain.Run]context.CancelFunc
	wake      func() // writes mail; nil while there is no stream
	wakesSoon bool
	moved     map[string]moved

	inlineBytes   atomic.Uint64
	sentBytes     atomic.Uint64
	receivedBytes atomic.Uint64
	tasks         context.Context // cancelled when the worker ends
	jobs          sync.WaitGroup  // calls to peers
	peers         wire.Channels
	meter         meter
}

// New makes a worker that offers these functions. It is an error when two have the same name, or when
// the options make no sense.
func New(options Options, functions ...Function) (*Worker, error) {
	if options.Scheduler == "" {
		return nil, fmt.Errorf("the address of a scheduler or a Center is missing")
	}
	if options.Threads < 0 {
		return nil, fmt.Errorf("%d tasks cannot run at once", options.Threads)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	if options.Name == "" {
		options.Name = fmt.Sprintf("go-%s-%d", host, os.Getpid())
	}
	if options.Host == "" {
		options.Host = "127.0.0.1"
	}
	if options.Threads == 0 {
		options.Threads = runtime.GOMAXPROCS(0)
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	security, err := wire.LoadSecurity(options.TLS)
	if err != nil {
		return nil, err
	}
	recent := newRecentLines(options.Logger.Handler())
	worker := &Worker{
		options:   options,
		id:        wire.NewID(),
		functions: map[string]*Function{},
		security:  security,
		log:       slog.New(recent),
		recent:    recent,
		started:   time.Now(),
		brain:     brain.New(options.Threads),
		cancels:   map[*brain.Run]context.CancelFunc{},
		moved:     map[string]moved{},
		peers:     wire.Channels{Security: security},
		tasks:     context.Background(),
	}
	worker.inlineBytes.Store(inlineBytes)
	for _, function := range functions {
		if worker.functions[function.Name] != nil {
			return nil, fmt.Errorf("two functions are called %q", function.Name)
		}
		worker.functions[function.Name] = &function
		worker.offers = append(worker.offers, &pb.FunctionOffer{
			Name: function.Name, Description: function.Description, Returns: function.returns(),
		})
	}
	return worker, nil
}

// Run serves the cluster until the scheduler says goodbye or refuses the worker, or until the context
// is done. It is an error when the worker was refused, or cannot listen.
//
// A worker whose context is done leaves the cluster and waits for no task; Drain is the way to leave
// without a loss.
func (w *Worker) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(w.options.Host, strconv.Itoa(w.options.Port)))
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	w.address = wire.ToldAddress(net.JoinHostPort(w.options.Host, port), w.options.Scheduler)
	tasks, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.tasks = tasks
	server := w.newServer()
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	w.log.Info("listening", "address", w.address, "worker", w.options.Name)

	err = w.converse(ctx)

	w.mutex.Lock()
	cancel() // from now on nothing is begun
	w.mutex.Unlock()
	stop(server)
	w.jobs.Wait()
	return errors.Join(err, w.peers.Close(), <-serving)
}

// Drain leaves the cluster without a loss: what runs is finished, and others copy what lies here
// alone. Run returns when the scheduler has said goodbye; who cannot wait for that cancels its
// context. Drain says whether there is a scheduler that listens.
func (w *Worker) Drain() bool {
	w.log.Info("leaving: others copy what lies here alone")
	w.tell(func() { w.brain.IsDraining = true })
	return w.beat()
}

// stop lets the calls of a server end, and ends them if that takes long.
func stop(server *grpc.Server) {
	late := time.AfterFunc(closeTimeout, server.Stop)
	server.GracefulStop()
	late.Stop()
}

// tell lets the brain hear of an event, and does what follows from it.
func (w *Worker) tell(event func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	event()
	effects := w.brain.Take()
	for _, run := range effects.Cancel {
		w.cancels[run]()
	}
	if w.tasks.Err() != nil {
		return // the worker ends
	}
	for _, fetch := range effects.Fetch {
		w.jobs.Add(1)
		go w.fetch(fetch)
	}
	for _, run := range effects.Run {
		ctx, cancel := context.WithCancel(w.tasks)
		w.cancels[run] = cancel
		go w.execute(ctx, run)
	}
	for _, timer := range effects.Timers {
		time.AfterFunc(timer.After, func() { w.tell(timer.Event) })
	}
	w.wakeInTime()
}

// wakeInTime has mail written: at once when nothing waits for its turn, so that nobody waits for us;
// otherwise soon, together with what the next tasks will have to say. The mutex is held.
//
// gRPC takes messages as fast as we write them, so that they would never become batches by themselves.
func (w *Worker) wakeInTime() {
	switch {
	case w.wake == nil || !w.brain.HasMail():
	case w.brain.Counts().Ready == 0:
		w.wake()
	case !w.wakesSoon:
		w.wakesSoon = true
		time.AfterFunc(companyTimeout, func() {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.wakesSoon = false
			if w.wake != nil {
				w.wake()
			}
		})
	}
}

// forget lets go of what a run had that is over; the mutex is held.
func (w *Worker) forget(run *brain.Run) {
	w.cancels[run]()
	delete(w.cancels, run)
}

// ---- Values of peers

// moved is what has come from a host since the last heartbeat.
type moved struct {
	bytes uint64
	took  time.Duration
}

// fetch makes a call to a peer, and tells the brain of each value as it comes.
func (w *Worker) fetch(fetch *brain.Fetch) {
	defer w.jobs.Done()
	how := brain.Answered
	begun, came := time.Now(), uint64(0)
	request := &pb.GetDataRequest{
		WorkerId:      fetch.Peer.ID,
		Keys:          fetch.Keys,
		AcceptCodecs:  accepted,
		AcceptRuntime: language,
		Caller:        w.id,
	}
	channel, err := w.peers.Get(fetch.Peer.Address)
	if err == nil {
		err = transfer.Fetch(w.tasks, pb.NewWorkerClient(channel), request, func(value transfer.Incoming) {
			came += value.Bytes
			w.takeIn(fetch, fetch.Keys[value.Index], value)
		})
	}
	switch {
	case err == nil:
		w.measure(fetch.Peer.Host, came, time.Since(begun))
	case err == transfer.ErrBusy:
		how = brain.Busy
	case w.tasks.Err() != nil: // the worker ends
		how = brain.Unreachable
	default:
		how = brain.Unreachable
		w.log.Warn("a peer does not give data", "address", fetch.Peer.Address, "cause", err)
	}
	w.tell(func() { w.brain.FetchEnded(fetch, how) })
	if how == brain.Unreachable {
		w.peers.Forget(fetch.Peer.Address) // a fresh connection has no backoff
	}
}

func (w *Worker) takeIn(fetch *brain.Fetch, key string, value transfer.Incoming) {
	switch {
	case value.Value != nil:
		w.receivedBytes.Add(value.Bytes)
		w.tell(func() { w.brain.Fetched(fetch, key, value.Value, value.Bytes, value.Type) })
	case value.Error != nil:
		w.tell(func() { w.brain.FetchFailed(fetch, key, value.Error) })
	default:
		w.tell(func() { w.brain.FetchLacked(fetch, key) })
	}
}

// measuredBytes is the least that says something about a bandwidth.
const measuredBytes = 1 << 20

func (w *Worker) measure(host string, bytes uint64, took time.Duration) {
	if bytes < measuredBytes {
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	before := w.moved[host]
	w.moved[host] = moved{before.bytes + bytes, before.took + took}
}
