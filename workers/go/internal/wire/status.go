package wire

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// ReasonKey is where the trailing metadata of a failed call says why, for programs; see error.proto.
const ReasonKey = "gdistributed-reason"

// refusals are the reasons that trying again does not change.
var refusals = []string{"PROTOCOL_VERSION", "CAPABILITY_MISSING", "NAME_TAKEN", "SUPERSEDED", "BAD_HELLO"}

// Refusal is the answer of a peer that will not change by trying again.
type Refusal struct {
	Reason, Message string
}

func (r *Refusal) Error() string { return r.Message + " (" + r.Reason + ")" }

// IsRefusal says whether an error is, or comes from, a Refusal.
func IsRefusal(err error) bool {
	var refusal *Refusal
	return errors.As(err, &refusal)
}

// Explain makes a Refusal of the error of a call whose trailer gives a reason of that kind, and
// returns any other error as it is. The trailer is asked for only when the call itself has failed.
func Explain(err error, trailer func() metadata.MD) error {
	status, isStatus := status.FromError(err)
	if err == nil || !isStatus {
		return err
	}
	if reason := Reason(trailer()); slices.Contains(refusals, reason) {
		return &Refusal{reason, status.Message()}
	}
	return err
}

// Reason returns the word for programs in the trailer of a failed call; empty for none.
func Reason(trailer metadata.MD) string {
	if words := trailer.Get(ReasonKey); len(words) > 0 {
		return words[0]
	}
	return ""
}

// Fail ends a unary call with a status and a reason, as its rpc lists them in the protocol.
func Fail(ctx context.Context, code codes.Code, reason, message string) error {
	if err := grpc.SetTrailer(ctx, metadata.Pairs(ReasonKey, reason)); err != nil {
		return err
	}
	return status.Error(code, message)
}
