package client_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gdistributed/gdistributed/workers/go/client"
)

// clusterVariable says where a scheduler is that has a Python worker and the example Go worker: tests/
// languages starts one for these tests.
const clusterVariable = "GDISTRIBUTED_TEST_CLUSTER"

// certificatesVariable names the folder of its certificates, if it speaks TLS.
const certificatesVariable = "GDISTRIBUTED_TEST_CERTIFICATES"

const patience = 30 * time.Second

func connect(t testing.TB) (context.Context, *client.Client) {
	t.Helper()
	address := os.Getenv(clusterVariable)
	if address == "" {
		t.Skipf("%s is not set: tests/languages runs this with a real cluster", clusterVariable)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	var options []client.Option
	if folder := os.Getenv(certificatesVariable); folder != "" {
		options = append(options, client.WithTLS(folder))
	}
	cluster, err := client.Connect(ctx, address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return ctx, cluster
}

func submit(t testing.TB, cluster *client.Client, runtime, function string, arguments ...any) *client.Future {
	t.Helper()
	future, err := cluster.Submit(runtime, function, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return future
}

func get[T any](ctx context.Context, t *testing.T, future *client.Future) (value T) {
	t.Helper()
	if err := future.Get(ctx, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestAGraphGoesThroughPythonAndGo(t *testing.T) {
	ctx, cluster := connect(t)
	text := submit(t, cluster, "python", "builtins.str", "The cat and the dog")
	words := submit(t, cluster, "go", "wordcount.Count", text)
	if counts := get[map[string]int](ctx, t, words); counts["the"] != 2 || len(counts) != 4 {
		t.Errorf("counts: %v", counts)
	}
	if different := get[int](ctx, t, submit(t, cluster, "python", "builtins.len", words)); different != 4 {
		t.Errorf("%d different words", different)
	}
	primes := submit(t, cluster, "go", "primes.Sieve", 100_000)
	if sum := get[int](ctx, t, submit(t, cluster, "python", "builtins.sum", primes)); sum != 454396537 {
		t.Errorf("the sum of the primes is %d", sum)
	}
}

func TestALargeResultIsFetchedFromItsWorker(t *testing.T) {
	ctx, cluster := connect(t)
	const size = 3 << 20
	zeros := submit(t, cluster, "python", "builtins.bytes", size)
	if data := get[[]byte](ctx, t, zeros); !bytes.Equal(data, make([]byte, size)) {
		t.Errorf("%d bytes came", len(data))
	}
	echoed := submit(t, cluster, "go", "plain.Echo", zeros)
	if data := get[[]byte](ctx, t, echoed); len(data) != size {
		t.Errorf("%d bytes came by way of Go", len(data))
	}
	echoed.Release()
	zeros.Release()
}

func TestErrorsOfEveryLanguageAreTaskErrors(t *testing.T) {
	ctx, cluster := connect(t)
	for _, each := range []struct {
		runtime, function string
		argument          any
		kind, message     string
	}{
		{"python", "math.sqrt", -1, "builtins.ValueError", "domain"},
		{"go", "fails.Error", "x.csv", "*fmt.wrapError", "open x.csv: file does not exist"},
		{"go", "fails.Panic", 7, "runtime.boundsError", "index out of range [7]"},
	} {
		future := submit(t, cluster, each.runtime, each.function, each.argument)
		var failure *client.TaskError
		if err := future.Wait(ctx); !errors.As(err, &failure) {
			t.Errorf("%s: %v", each.function, err)
			continue
		}
		if failure.Type != each.kind || failure.Runtime != each.runtime || failure.Key != future.Key() {
			t.Errorf("%s: %+v", each.function, failure)
		}
		if !strings.Contains(failure.Message, each.message) || failure.Traceback == "" || failure.Worker == "" {
			t.Errorf("%s: %+v", each.function, failure)
		}
	}
}

func TestArgumentsByNameAndAKeyOfOnesOwn(t *testing.T) {
	ctx, cluster := connect(t)
	call := client.Call{
		Runtime: "go", Function: "records.Select", Key: "selected",
		Arguments: []any{[]map[string]int{{"a": 1, "b": 2}}},
		Named:     map[string]any{"fields": []string{"b"}},
	}
	first, err := cluster.SubmitCall(call)
	if err != nil {
		t.Fatal(err)
	}
	second, err := cluster.SubmitCall(call)
	if err != nil {
		t.Fatal(err)
	}
	first.Release()
	records := get[[]map[string]int](ctx, t, second)
	if second.Key() != "selected" || len(records) != 1 || records[0]["b"] != 2 || len(records[0]) != 1 {
		t.Errorf("records of %s: %v", second.Key(), records)
	}
}

func TestWaitingEndsWithTheContextAndWithTheClient(t *testing.T) {
	_, cluster := connect(t)
	sleeping := submit(t, cluster, "go", "plain.Sleep", 60)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sleeping.Wait(done); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
	if err := cluster.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sleeping.Wait(context.Background()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after the client was closed: %v", err)
	}
	if _, err := cluster.Submit("go", "plain.Noop"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("submitting to a closed client: %v", err)
	}
}

func BenchmarkNoop(b *testing.B) {
	ctx, cluster := connect(b)
	futures := make([]*client.Future, b.N)
	b.ResetTimer()
	for index := range futures {
		futures[index] = submit(b, cluster, "go", "plain.Noop")
	}
	for _, future := range futures {
		if err := future.Wait(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNobodyAtTheAddressIsAnError(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.Connect(ctx, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("connected: %v", err)
	}
}
