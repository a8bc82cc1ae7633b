package wire

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"

	"google.golang.org/grpc"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const (
	protocolMajor = 1
	protocolMinor = 0
	// Version of this module.
	Version = "0.1.0"
)

// NewID names a new incarnation of something.
func NewID() string {
	var bytes [16]byte
	rand.Read(bytes[:]) // never fails
	return hex.EncodeToString(bytes[:])
}

// Versions are those that matter when processes differ.
func Versions() map[string]string {
	return map[string]string{
		"go":             runtime.Version(),
		"gdistributed":   Version,
		"google-grpc-go": grpc.Version,
	}
}

// Software is what this process says of itself in hellos.
func Software(capabilities ...string) *pb.Software {
	return &pb.Software{
		ProtocolMajor: protocolMajor,
		ProtocolMinor: protocolMinor,
		Name:          "gdistributed-go",
		Version:       Version,
		Capabilities:  capabilities,
		Versions:      Versions(),
	}
}

// CheckSoftware refuses a peer with which this process cannot work; the error is a *Refusal.
func CheckSoftware(peer *pb.Software, role string, capabilities ...string) error {
	if peer.GetProtocolMajor() != protocolMajor {
		older := "this side"
		if peer.GetProtocolMajor() < protocolMajor {
			older = "the " + role
		}
		return &Refusal{"PROTOCOL_VERSION", fmt.Sprintf(
			"the %s speaks protocol version %d.%d (%s %s), this side speaks %d.%d: upgrade %s",
			role, peer.GetProtocolMajor(), peer.GetProtocolMinor(), peer.GetName(), peer.GetVersion(),
			protocolMajor, protocolMinor, older)}
	}
	for _, word := range peer.GetRequired() {
		if !slices.Contains(capabilities, word) {
			return &Refusal{"CAPABILITY_MISSING", fmt.Sprintf(
				"the %s requires what this side does not offer: %s", role, word)}
		}
	}
	return nil
}
