package worker

import (
	"context"
	"os"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

const (
	lineCount    = 100
	lineCountMax = 10_000
)

// newServer makes the worker's own server, with all services that it offers.
func (w *Worker) newServer() *grpc.Server {
	server := grpc.NewServer(wire.ServerOptions(w.security)...)
	pb.RegisterWorkerServer(server, &service{worker: w})
	pb.RegisterServerServer(server, &selfService{worker: w, server: server})
	healthpb.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	return server
}

// selfService says who answers at this address.
type selfService struct {
	pb.UnimplementedServerServer
	worker *Worker
	server *grpc.Server
}

// Identify says who this is.
func (s *selfService) Identify(context.Context, *pb.IdentifyRequest) (*pb.IdentifyResponse, error) {
	w := s.worker
	response := &pb.IdentifyResponse{
		Role:      "worker",
		Id:        w.id,
		Name:      w.options.Name,
		Addresses: []string{w.address},
		Software:  wire.Software(),
		StartedAt: timestamppb.New(w.started),
		ProcessId: int64(os.Getpid()),
		Host:      hostname(),
	}
	for name := range s.server.GetServiceInfo() {
		response.Services = append(response.Services, name)
	}
	slices.Sort(response.Services)
	return response, nil
}

// GetVersions lists versions.
func (s *selfService) GetVersions(context.Context, *pb.GetVersionsRequest) (*pb.GetVersionsResponse, error) {
	return &pb.GetVersionsResponse{Versions: wire.Versions()}, nil
}

// GetLogs returns the last lines.
func (s *selfService) GetLogs(_ context.Context, request *pb.GetLogsRequest) (*pb.GetLogsResponse, error) {
	count := lineCount
	if request.GetCount() > 0 {
		count = int(min(request.GetCount(), lineCountMax))
	}
	return &pb.GetLogsResponse{Lines: s.worker.recent.kept.last(count, request.GetLevel(), request.GetAfter())}, nil
}
