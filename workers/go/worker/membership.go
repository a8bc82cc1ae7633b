package worker

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

const (
	callTimeout  = 10 * time.Second
	leaseRenewal = 3 * time.Second // until the Center says something else
	leaveTimeout = time.Second
)

// membership is how the worker registers at the Center and renews its lease.
type membership struct {
	worker  *Worker
	channel *grpc.ClientConn
	center  pb.CenterClient
	cancel  context.CancelFunc
	renewed sync.WaitGroup
}

// join registers at the Center that the worker's address leads to; a scheduler has one inside.
func join(ctx context.Context, worker *Worker) (*membership, error) {
	channel, err := wire.Dial(worker.options.Scheduler, worker.security)
	if err != nil {
		return nil, err
	}
	member := &membership{worker: worker, channel: channel, center: pb.NewCenterClient(channel)}
	answer, err := member.register(ctx)
	if err != nil {
		return nil, errors.Join(err, channel.Close())
	}
	interval := leaseRenewal
	if stated := answer.GetHeartbeat().AsDuration(); stated > 0 {
		interval = stated
	}
	renewing, cancel := context.WithCancel(context.Background())
	member.cancel = cancel
	member.renewed.Add(1)
	go func() {
		defer member.renewed.Done()
		member.renew(renewing, interval)
	}()
	return member, nil
}

// scheduler returns where workers connect; it is an error when there is no scheduler now.
func (m *membership) scheduler(ctx context.Context) (string, error) {
	answer, err := m.register(ctx)
	if err != nil {
		return "", err
	}
	scheduler := answer.GetScheduler()
	if scheduler == nil {
		return "", errors.New("the Center knows no scheduler yet")
	}
	address := scheduler.GetAddressToWorkers()
	if address == "" {
		address = scheduler.GetAddress()
	}
	return wire.ToldBy(address, m.worker.options.Scheduler), nil
}

func (m *membership) register(ctx context.Context) (*pb.RegisterResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	w := m.worker
	var trailer metadata.MD
	answer, err := m.center.Register(ctx, &pb.RegisterRequest{Member: &pb.Member{
		Id:        w.id,
		Role:      "worker",
		Name:      w.options.Name,
		Address:   w.address,
		Host:      hostname(),
		ProcessId: int64(os.Getpid()),
		Nthreads:  uint32(w.options.Threads),
		Software:  wire.Software(),
	}}, grpc.Trailer(&trailer))
	if err != nil {
		return nil, wire.Explain(err, func() metadata.MD { return trailer })
	}
	return answer, wire.CheckSoftware(answer.GetSoftware(), "center")
}

// renew keeps the lease alive; a member that the Center has forgotten registers again.
func (m *membership) renew(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		var trailer metadata.MD
		calling, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := m.center.Heartbeat(calling, &pb.HeartbeatRequest{Id: m.worker.id}, grpc.Trailer(&trailer))
		cancel()
		if err != nil && wire.Reason(trailer) == "UNKNOWN_MEMBER" {
			_, err = m.register(ctx)
		}
		if err != nil && ctx.Err() == nil {
			m.worker.log.Debug("the lease could not be renewed", "cause", err)
		}
	}
}

// leave tells the Center; one that does not answer is let be.
func (m *membership) leave(reason string) {
	m.cancel()
	m.renewed.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if _, err := m.center.Deregister(ctx, &pb.DeregisterRequest{Id: m.worker.id, Reason: reason}); err != nil {
		m.worker.log.Debug("the Center does not answer", "cause", err)
	}
	if err := m.channel.Close(); err != nil {
		m.worker.log.Debug("the channel could not be closed", "cause", err)
	}
}
