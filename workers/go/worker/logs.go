package worker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const (
	linesKept  = 10_000
	loggerName = "gdistributed.worker"
)

// recentLines passes log records on, and keeps the last of them for GetLogs.
type recentLines struct {
	slog.Handler
	kept *keptLines
	with []slog.Attr // that all records have
}

type keptLines struct {
	mutex sync.Mutex
	lines []*pb.LogLine
	count uint64 // of all lines, also those that are no longer kept
}

func newRecentLines(next slog.Handler) *recentLines {
	return &recentLines{Handler: next, kept: &keptLines{}}
}

// Handle keeps a record and passes it on.
func (r *recentLines) Handle(ctx context.Context, record slog.Record) error {
	text, fields := record.Message, map[string]string{}
	add := func(attribute slog.Attr) bool {
		text += " " + attribute.String()
		fields[attribute.Key] = attribute.Value.String()
		return true
	}
	record.Attrs(add)
	for _, attribute := range r.with {
		add(attribute)
	}
	level := record.Level.String()
	if strings.HasPrefix(level, "WARN") {
		level = "WARNING"
	}
	r.kept.add(&pb.LogLine{
		Time: timestamppb.New(record.Time), Level: level, Logger: loggerName, Text: text, Fields: fields,
	})
	return r.Handler.Handle(ctx, record)
}

// WithAttrs returns a handler of which all records have these attributes.
func (r *recentLines) WithAttrs(attributes []slog.Attr) slog.Handler {
	with := append(slices.Clone(r.with), attributes...)
	return &recentLines{Handler: r.Handler.WithAttrs(attributes), kept: r.kept, with: with}
}

// WithGroup returns a handler of which all records are in a group.
func (r *recentLines) WithGroup(name string) slog.Handler {
	return &recentLines{Handler: r.Handler.WithGroup(name), kept: r.kept, with: r.with}
}

func (k *keptLines) add(line *pb.LogLine) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if len(k.lines) == linesKept {
		k.lines = append(k.lines[:0], k.lines[linesKept/2:]...)
	}
	k.count++
	line.Number = k.count
	k.lines = append(k.lines, line)
}

// last returns the last so many lines of at least a level, of those after a number.
func (k *keptLines) last(count int, level string, after uint64) []*pb.LogLine {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	var found []*pb.LogLine
	for index := len(k.lines) - 1; index >= 0 && len(found) < count && k.lines[index].GetNumber() > after; index-- {
		if severity(k.lines[index].GetLevel()) >= severity(level) {
			found = append(found, k.lines[index])
		}
	}
	for left, right := 0, len(found)-1; left < right; left, right = left+1, right-1 {
		found[left], found[right] = found[right], found[left]
	}
	return found
}

func severity(level string) int {
	switch level {
	case "INFO":
		return 1
	case "WARNING":
		return 2
	case "ERROR":
		return 3
	case "CRITICAL":
		return 4
	}
	return 0
}
