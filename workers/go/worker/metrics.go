package worker

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// meter measures the process.
type meter struct {
	mutex sync.Mutex
	at    time.Time
	used  time.Duration
}

// metrics says how the worker is; the mutex of the worker is held.
func (w *Worker) metrics() *pb.WorkerMetrics {
	counts := w.brain.Counts()
	return &pb.WorkerMetrics{
		CpuPercent:     w.meter.cpuPercent(),
		MemoryNbytes:   residentBytes(),
		ManagedNbytes:  counts.HeldBytes,
		Executing:      uint32(counts.Executing),
		Abandoned:      uint32(counts.Abandoned),
		Ready:          uint32(counts.Ready),
		Fetching:       uint32(counts.Fetching),
		SentNbytes:     w.sentBytes.Load(),
		ReceivedNbytes: w.receivedBytes.Load(),
		OpenFiles:      openFiles(),
	}
}

// cpuPercent is how much of one core the process used since it was asked last.
func (m *meter) cpuPercent() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	now := time.Now()
	used := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	m.mutex.Lock()
	defer m.mutex.Unlock()
	before, usedBefore := m.at, m.used
	m.at, m.used = now, used
	if before.IsZero() || !now.After(before) {
		return 0
	}
	return 100 * float64(used-usedBefore) / float64(now.Sub(before))
}

// residentBytes is the resident memory of the process, or what Go has of the system where that is
// not to be had.
func residentBytes() uint64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(text); len(fields) > 1 {
			if pages, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.Sys
}

// openFiles counts the open files of the process; 0 where that is not to be had.
func openFiles() uint32 {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return uint32(len(entries))
}
