// gd-go-conformance is the Go worker with the functions that `gd conformance` judges a worker by.
package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gdistributed/gdistributed/workers/go/worker"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

func main() {
	worker.Main(
		worker.Offer("conformance.echo", "Return the argument.", echo),
		worker.Offer("conformance.list", "Return all arguments as one list.", list),
		worker.Offer("conformance.repeat", "Return a text, repeated so many times.", strings.Repeat),
		worker.Offer("conformance.wait", "Wait for so many seconds; return when that began and ended.", wait),
		worker.Offer("conformance.fail", "Fail, with this message.", fail),
	)
}

func echo(value *pb.Payload) *pb.Payload { return value }

func list(values ...any) []any {
	if values == nil {
		return []any{}
	}
	return values
}

var started = time.Now()

func wait(ctx context.Context, seconds float64) ([]float64, error) {
	began := time.Since(started).Seconds()
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return []float64{began, time.Since(started).Seconds()}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func fail(message string) error { return errors.New(message) }
