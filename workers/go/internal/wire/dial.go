// Package wire has what all connections of a cluster have in common.
package wire

import (
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
)

const (
	defaultPort = "8786"
	// messageBytes bounds a message: Limits.message_nbytes, and room for what it has beside its data.
	messageBytes = 256<<20 + 1<<20
	// A peer that is stopped, or cut off without a word, goes unnoticed without pings.
	pingEvery   = 10 * time.Second
	pingTimeout = 5 * time.Second
	// pingEveryMin is what a server puts up with; peers may ping more often than we do.
	pingEveryMin = 5 * time.Second
	// concurrentStreams bounds what one connection may ask for at one time.
	concurrentStreams = 1000
)

// Address returns an address as "host:port" or "unix:PATH". "tcp://" and "grpc://" in front are
// dropped; where no port is given it is that of a scheduler.
func Address(text string) string {
	for _, scheme := range []string{"tcp://", "grpc://"} {
		text = strings.TrimPrefix(text, scheme)
	}
	if strings.HasPrefix(text, "unix:") {
		return text
	}
	if _, _, err := net.SplitHostPort(text); err == nil {
		return text
	}
	return net.JoinHostPort(strings.Trim(text, "[]"), defaultPort)
}

// Dial opens a channel of its own to an address; it connects when it is first used.
func Dial(address string, security *Security) (*grpc.ClientConn, error) {
	retry := backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}
	address = Address(address)
	return grpc.NewClient(
		address,
		grpc.WithTransportCredentials(security.dialing(address)),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: 3 * time.Second}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: pingEvery, Timeout: pingTimeout, PermitWithoutStream: true,
		}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(messageBytes), grpc.MaxCallSendMsgSize(messageBytes),
		),
	)
}

// ServerOptions are those of a server that peers and clients reach.
func ServerOptions(security *Security) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(security.serving()),
		grpc.MaxRecvMsgSize(messageBytes),
		grpc.MaxSendMsgSize(messageBytes),
		grpc.MaxConcurrentStreams(concurrentStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: pingEveryMin, PermitWithoutStream: true,
		}),
	}
}
