package wire

import (
	"errors"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

func TestAddressesAreWrittenInOneWay(t *testing.T) {
	for given, want := range map[string]string{
		"host:1":         "host:1",
		"tcp://host:1":   "host:1",
		"grpc://host":    "host:8786",
		"::1":            "[::1]:8786",
		"[::1]:2":        "[::1]:2",
		"unix:/run/a.so": "unix:/run/a.so",
	} {
		if got := Address(given); got != want {
			t.Errorf("%s became %s", given, got)
		}
	}
}

func TestOnlySomeReasonsAreRefusals(t *testing.T) {
	failure := status.Error(codes.AlreadyExists, "another worker has this name")
	for reason, refuses := range map[string]bool{"NAME_TAKEN": true, "EXTENSIONS_CHANGED": false, "": false} {
		trailer := func() metadata.MD { return metadata.Pairs(ReasonKey, reason) }
		if got := IsRefusal(Explain(failure, trailer)); got != refuses {
			t.Errorf("%q is a refusal: %v", reason, got)
		}
	}
	ours := errors.New("a message is missing")
	if err := Explain(ours, func() metadata.MD { panic("there is no trailer yet") }); err != ours {
		t.Errorf("an error of ours became %v", err)
	}
}

func TestWhoCannotBeUnderstoodIsRefused(t *testing.T) {
	if err := CheckSoftware(Software("cap"), "scheduler"); err != nil {
		t.Errorf("our own software: %v", err)
	}
	newer := &pb.Software{ProtocolMajor: 2, Name: "x", Version: "3"}
	if err := CheckSoftware(newer, "scheduler"); !IsRefusal(err) || !strings.Contains(err.Error(), "upgrade this side") {
		t.Errorf("a newer major: %v", err)
	}
	if err := CheckSoftware(&pb.Software{}, "scheduler"); !strings.Contains(err.Error(), "upgrade the scheduler") {
		t.Errorf("an older major: %v", err)
	}
	demanding := &pb.Software{ProtocolMajor: 1, Required: []string{"time-travel"}}
	if err := CheckSoftware(demanding, "scheduler"); !IsRefusal(err) || !strings.Contains(err.Error(), "time-travel") {
		t.Errorf("a capability that is missing: %v", err)
	}
}

func TestAHostThatMeansAllIsTheOneOnTheWay(t *testing.T) {
	for _, given := range [][3]string{
		{"10.0.0.7:1", "10.0.0.9:2", "10.0.0.7:1"},
		{"0.0.0.0:1", "10.0.0.9:2", "10.0.0.9:1"},
		{"[::]:1", "[fe80::1]:2", "[fe80::1]:1"},
		{":1", "cluster:2", "cluster:1"},
	} {
		if found := ToldBy(given[0], given[1]); found != given[2] {
			t.Errorf("%s told by %s is %s, not %s", given[0], given[1], found, given[2])
		}
	}
	if found := ToldAddress("127.0.0.1:1", "10.0.0.9:2"); found != "127.0.0.1:1" {
		t.Errorf("an address of its own was told as %s", found)
	}
	told := ToldAddress("0.0.0.0:1", "127.0.0.1:2")
	if host, port, err := net.SplitHostPort(told); err != nil || net.ParseIP(host).IsUnspecified() || port != "1" {
		t.Errorf("0.0.0.0:1 was told as %s", told)
	}
}
