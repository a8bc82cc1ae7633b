package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// silence is how long a peer may send nothing until it is taken for unreachable.
const silence = 10 * time.Second

// ErrBusy says that the peer has no room for the transfer now.
var ErrBusy = errors.New("the peer has no room for transfers now")

// Fetch asks a worker for values, and hands each to arrived as soon as it has come.
//
// Those that the worker does not hold, or cannot encode, are handed over as such. The error says that
// the call itself failed: ErrBusy, a *BadChunk, or what gRPC says.
func Fetch(ctx context.Context, peer pb.WorkerClient, request *pb.GetDataRequest, arrived func(Incoming)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() {
		cancel(fmt.Errorf("nothing came from the worker for %s", silence))
	})
	defer watchdog.Stop()
	call, err := peer.GetData(ctx, request)
	if err != nil {
		return explain(ctx, err)
	}
	var assembler Assembler
	for {
		response, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return assembler.End()
		}
		if err != nil {
			return explain(ctx, err)
		}
		watchdog.Reset(silence)
		complete, err := assembler.Add(response.GetItems(), response.GetChunk())
		if err != nil {
			return err
		}
		for _, value := range complete {
			if int(value.Index) >= len(request.GetKeys()) {
				return &BadChunk{"a value came that was not asked for"}
			}
			arrived(value)
		}
	}
}

func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if status.Code(err) == codes.ResourceExhausted {
		return ErrBusy
	}
	return err
}
