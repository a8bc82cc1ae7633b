package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/transfer"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

const (
	servedMax   = 100 // calls for values that are answered at one time
	pageSize    = 100
	pageSizeMax = 10_000
	tokenPrefix = "after:"
)

// service is what peers, clients and people ask of a worker. Actors and call stacks it has not.
type service struct {
	pb.UnimplementedWorkerServer
	worker *Worker
	served atomic.Int32
}

// GetData sends values.
func (s *service) GetData(request *pb.GetDataRequest, stream grpc.ServerStreamingServer[pb.GetDataResponse]) error {
	if err := s.mustBe(request.GetWorkerId()); err != nil {
		return failed(stream, err)
	}
	if s.served.Add(1) > servedMax {
		s.served.Add(-1)
		return failed(stream, &refusal{codes.ResourceExhausted, "TOO_MANY_TRANSFERS",
			"too many calls for values are being answered: ask again in a while"})
	}
	defer s.served.Add(-1)
	start := request.GetOffset()
	if start > 0 && len(request.GetKeys()) != 1 {
		return failed(stream, &refusal{codes.InvalidArgument, "BAD_OFFSET", "an offset goes with a single key"})
	}
	var values []transfer.Outgoing
	for index, key := range request.GetKeys() {
		value := s.outgoing(key, request.GetAcceptCodecs(), request.GetAcceptRuntime())
		value.Index = uint32(index)
		values = append(values, value)
	}
	if start > 0 && !transfer.GoesOn(values[0].Value, request) {
		start = 0
	}
	cutter := transfer.NewCutter(request.GetChunkNbytes(), start, stream.Send)
	for _, value := range values {
		if err := cutter.Add(value); err != nil {
			return err
		}
		s.worker.sentBytes.Add(value.Bytes)
	}
	return cutter.Flush()
}

// outgoing says a value in a codec that its reader accepts.
func (s *service) outgoing(key string, codecs []string, runtime string) transfer.Outgoing {
	s.worker.mutex.Lock()
	payload, stored := s.worker.brain.Value(key)
	s.worker.mutex.Unlock()
	if payload == nil {
		return transfer.Outgoing{}
	}
	if len(codecs) == 0 && runtime != "" && !strings.HasPrefix(payload.GetCodec(), runtime+"/") {
		codecs = codec.Names
	}
	converted, err := codec.Convert(payload, codecs)
	if err != nil {
		failure := s.worker.located(failureOf(err, nil))
		failure.Key = key
		failure.Message = fmt.Sprintf("a value of type %s can be said in %s, and its reader accepts %s",
			stored.GetType(), strings.Join(codec.Sayable(payload), ", "), strings.Join(codecs, ", "))
		return transfer.Outgoing{Error: failure}
	}
	return transfer.Outgoing{Value: converted, Bytes: stored.GetNbytes(), Type: stored.GetType()}
}

// PutData stores values, encoded as they come.
func (s *service) PutData(stream grpc.ClientStreamingServer[pb.PutDataRequest, pb.PutDataResponse]) error {
	response := &pb.PutDataResponse{}
	var keys []string
	var assembler transfer.Assembler
	for first := true; ; first = false {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first {
			if err := s.mustBe(request.GetWorkerId()); err != nil {
				return failed(stream, err)
			}
			keys = request.GetKeys()
		}
		complete, err := assembler.Add(request.GetItems(), request.GetChunk())
		if err != nil {
			return failed(stream, badChunk(err))
		}
		for _, value := range complete {
			if int(value.Index) >= len(keys) || value.Value == nil {
				return failed(stream, badChunk(errors.New("a value has no key, or a key no value")))
			}
			response.Stored = append(response.Stored, s.keep(keys[value.Index], value))
		}
	}
	if err := assembler.End(); err != nil {
		return failed(stream, badChunk(err))
	}
	return stream.SendAndClose(response)
}

func (s *service) keep(key string, value transfer.Incoming) (stored *pb.StoredData) {
	s.worker.receivedBytes.Add(value.Bytes)
	nbytes := max(value.Bytes, uint64(codec.Size(value.Value)))
	s.worker.tell(func() { stored = s.worker.brain.Put(key, value.Value, nbytes, value.Type) })
	return stored
}

// DeleteData drops values that are not in use.
func (s *service) DeleteData(ctx context.Context, request *pb.DeleteDataRequest) (*pb.DeleteDataResponse, error) {
	if err := s.mustBe(request.GetWorkerId()); err != nil {
		return nil, err.fail(ctx)
	}
	response := &pb.DeleteDataResponse{}
	s.worker.tell(func() { response.Deleted = s.worker.brain.Delete(request.GetKeys()) })
	return response, nil
}

// ListData lists what is held.
func (s *service) ListData(ctx context.Context, request *pb.ListDataRequest) (*pb.ListDataResponse, error) {
	after, isOurs := strings.CutPrefix(request.GetPageToken(), tokenPrefix)
	if request.GetPageToken() != "" && !isOurs {
		return nil, wire.Fail(ctx, codes.InvalidArgument, "BAD_PAGE_TOKEN",
			fmt.Sprintf("not one of mine: %q", request.GetPageToken()))
	}
	size := pageSize
	if request.GetPageSize() > 0 {
		size = int(min(request.GetPageSize(), pageSizeMax))
	}
	s.worker.mutex.Lock()
	defer s.worker.mutex.Unlock()
	held := slices.DeleteFunc(s.worker.brain.Held(), func(key string) bool {
		return !strings.HasPrefix(key, request.GetKeyPrefix())
	})
	if isOurs {
		held = held[sort.Search(len(held), func(index int) bool { return held[index] > after }):]
	}
	response := &pb.ListDataResponse{}
	for _, key := range held[:min(size, len(held))] {
		_, stored := s.worker.brain.Value(key)
		response.Data = append(response.Data, stored)
	}
	if len(held) > size {
		response.NextPageToken = tokenPrefix + held[size-1]
	}
	return response, nil
}

// Run calls a function at once.
func (s *service) Run(ctx context.Context, request *pb.RunRequest) (*pb.RunResponse, error) {
	if err := s.mustBe(request.GetWorkerId()); err != nil {
		return nil, err.fail(ctx)
	}
	function, err := s.worker.find(request.GetFunction(), nil)
	if err != nil {
		return nil, wire.Fail(ctx, codes.InvalidArgument, "UNKNOWN_FUNCTION", err.Error())
	}
	if request.GetDetached() {
		go func() {
			if response := s.worker.runNow(s.worker.tasks, function, request); response.GetError() != nil {
				s.worker.log.Warn("a function that was run detached has failed",
					"function", function.Name, "cause", response.GetError().GetMessage())
			}
		}()
		return &pb.RunResponse{Outcome: &pb.RunResponse_Value{Value: &pb.Payload{Codec: codec.Null}}}, nil
	}
	return s.worker.runNow(ctx, function, request), nil
}

func (w *Worker) runNow(ctx context.Context, function *Function, request *pb.RunRequest) *pb.RunResponse {
	value, err := guarded(ctx, function, request.GetArguments(), nil)
	if err == nil {
		var payload *pb.Payload
		if payload, err = codec.Encode(value, known(request.GetAcceptCodecs())); err == nil {
			return &pb.RunResponse{Outcome: &pb.RunResponse_Value{Value: payload}}
		}
	}
	return &pb.RunResponse{Outcome: &pb.RunResponse_Error{Error: w.located(failureOf(err, function))}}
}

// GetStatus says what the worker is doing.
func (s *service) GetStatus(context.Context, *pb.GetStatusRequest) (*pb.GetStatusResponse, error) {
	w := s.worker
	w.mutex.Lock()
	defer w.mutex.Unlock()
	counts := w.brain.Counts()
	return &pb.GetStatusResponse{
		WorkerId:  w.id,
		Name:      w.options.Name,
		Nthreads:  uint32(w.options.Threads),
		Status:    w.brain.Status(),
		Executing: w.brain.Executing(),
		Ready:     uint32(counts.Ready),
		Fetching:  uint32(counts.Fetching),
		Held:      uint64(counts.Held),
		Metrics:   w.metrics(),
	}, nil
}

// ---- Refusals

// refusal is one of the errors that an rpc lists in the protocol.
type refusal struct {
	code            codes.Code
	reason, message string
}

func (r *refusal) fail(ctx context.Context) error { return wire.Fail(ctx, r.code, r.reason, r.message) }

func (s *service) mustBe(id string) *refusal {
	if id == "" || id == s.worker.id {
		return nil
	}
	return &refusal{codes.FailedPrecondition, "WRONG_WORKER", fmt.Sprintf(
		"this is worker %s, and %s is meant, which is gone from this address", s.worker.id, id)}
}

func badChunk(err error) *refusal {
	return &refusal{codes.DataLoss, "BAD_CHUNK", err.Error()}
}

// failed ends a stream with a refusal.
func failed(stream grpc.ServerStream, why *refusal) error {
	stream.SetTrailer(metadata.Pairs(wire.ReasonKey, why.reason))
	return status.Error(why.code, why.message)
}
