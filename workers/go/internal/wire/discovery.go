package wire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const pollEvery = 100 * time.Millisecond

// DialScheduler opens a channel to the scheduler at an address, or to that of the Center there, as soon
// as it answers.
func DialScheduler(ctx context.Context, address string, security *Security) (*grpc.ClientConn, error) {
	channel, err := Dial(address, security)
	if err != nil {
		return nil, err
	}
	at, err := schedulerAddress(ctx, channel, address)
	if err == nil && at == "" {
		return channel, nil
	}
	if err := errors.Join(err, channel.Close()); err != nil {
		return nil, err
	}
	return Dial(at, security)
}

// schedulerAddress asks who answers; it is empty when that is the scheduler itself.
func schedulerAddress(ctx context.Context, channel *grpc.ClientConn, address string) (string, error) {
	who, err := pb.NewServerClient(channel).Identify(ctx, &pb.IdentifyRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return "", fmt.Errorf("no scheduler answers at %s: %w", Address(address), err)
	}
	switch who.GetRole() {
	case "scheduler":
		return "", nil
	case "center":
	default:
		return "", &Refusal{"WRONG_ROLE", fmt.Sprintf("a %s answers at %s: the address of a scheduler or a Center is needed",
			who.GetRole(), Address(address))}
	}
	for {
		request := &pb.ListMembersRequest{Role: "scheduler"}
		list, err := pb.NewCenterClient(channel).ListMembers(ctx, request)
		if err != nil {
			return "", err
		}
		if len(list.GetMembers()) > 0 {
			return list.GetMembers()[0].GetAddress(), nil
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return "", fmt.Errorf("the Center at %s knows no scheduler: %w", Address(address), ctx.Err())
		}
	}
}
