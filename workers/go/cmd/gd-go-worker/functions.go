package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/trace"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// countWords counts words without regard to case; a word is a run of letters and digits.
func countWords(text string) map[string]int {
	counts := map[string]int{}
	isBetween := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for word := range strings.FieldsFuncSeq(text, isBetween) {
		counts[strings.ToLower(word)]++
	}
	return counts
}

func mergeCounts(parts ...map[string]int) map[string]int {
	total := map[string]int{}
	for _, counts := range parts {
		for word, count := range counts {
			total[word] += count
		}
	}
	return total
}

// selection says which fields to keep: it is given by name, as in records.Select(records, fields=[...]).
type selection struct {
	Fields []string `json:"fields"`
}

func selectFields(records []map[string]any, keep selection) ([]map[string]any, error) {
	if len(keep.Fields) == 0 {
		return nil, errors.New("no fields are named")
	}
	selected := make([]map[string]any, len(records))
	for index, record := range records {
		selected[index] = map[string]any{}
		for _, field := range keep.Fields {
			if value, ok := record[field]; ok {
				selected[index][field] = value
			}
		}
	}
	return selected, nil
}

// sieve is that of Eratosthenes. It looks at the context now and then, so that it can be cancelled.
func sieve(ctx context.Context, limit int) ([]int, error) {
	if limit < 0 || limit > 1<<30 {
		return nil, fmt.Errorf("a limit between 0 and %d is needed, not %d", 1<<30, limit)
	}
	isComposite := make([]bool, limit)
	primes := []int{}
	for number := 2; number < limit; number++ {
		if number%(1<<16) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if isComposite[number] {
			continue
		}
		primes = append(primes, number)
		for multiple := number * number; multiple < limit; multiple += number {
			isComposite[multiple] = true
		}
	}
	return primes, nil
}

func echo(value *pb.Payload) *pb.Payload { return value }

func traceOf(ctx context.Context) string {
	return trace.SpanContextFromContext(ctx).TraceID().String()
}

func sleep(ctx context.Context, seconds float64) error {
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func failWithError(path string) error {
	cause := &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	return fmt.Errorf("the table cannot be read: %w", cause)
}

func failWithPanic(index int) int {
	numbers := []int{1, 2, 3}
	return numbers[index]
}
