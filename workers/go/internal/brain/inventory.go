package brain

import (
	"cmp"
	"slices"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// SessionBegan says that a new session follows one that is gone: the scheduler hears what is here and
// what runs. What was handed over and has not begun is given up; it will be handed out again.
//
// unacknowledged is what was said in the old session and perhaps never heard; sameScheduler says
// whether the numbers of templates and peers still mean the same.
func (b *Brain) SessionBegan(unacknowledged []*pb.FromWorker, sameScheduler bool) {
	said := append(unacknowledged, b.out.takeAll()...)
	for _, run := range b.sortedRuns() {
		if run.state != executing {
			b.end(run, nil)
		}
	}
	for _, record := range b.sortedData() {
		if record.put != 0 {
			record.freed = true // unless it is claimed: what it took the place of does not count
		}
		if record.state != held {
			record.copied = false
			b.release(record)
		}
	}
	b.writeInventory(said)
	if !sameScheduler {
		b.forgetNumbers()
	}
}

// SessionLost says that there has been no scheduler for too long: nothing of what was handed over
// counts; only what has begun goes on to its end.
func (b *Brain) SessionLost() {
	for _, run := range b.sortedRuns() {
		b.stop(run)
	}
	for _, record := range b.sortedData() {
		record.freed, record.copied, record.put = true, false, 0
		b.release(record)
	}
	b.out.takeAll()
	b.forgetNumbers()
}

func (b *Brain) writeInventory(said []*pb.FromWorker) {
	open := func(bytes int) *pb.Inventory {
		batch := b.out.to(bytes)
		if batch.Inventory == nil {
			batch.Inventory = &pb.Inventory{}
		}
		return batch.Inventory
	}
	for _, record := range b.sortedData() {
		if record.state == held && (record.put != 0 || !record.freed) {
			inventory := open(len(record.key) + len(record.kind))
			inventory.Held = append(inventory.Held, record.stored())
		}
	}
	for _, run := range b.sortedRuns() {
		inventory := open(len(run.Key))
		inventory.Running = append(inventory.Running, &pb.TaskAttempt{Key: run.Key, Attempt: run.Attempt})
	}
	for _, batch := range said {
		for _, report := range slices.Concat(batch.GetFinished(), batch.GetInventory().GetFinished()) {
			record := b.data[report.GetKey()]
			if record != nil && record.state == held && record.attempt == report.GetAttempt() {
				inventory := open(len(report.GetKey()) + len(report.GetValue()))
				inventory.Finished = append(inventory.Finished, report)
			}
		}
		for _, failure := range slices.Concat(batch.GetErred(), batch.GetInventory().GetErred()) {
			inventory := open(len(failure.GetError().GetTraceback()) + len(failure.GetError().GetMessage()))
			inventory.Erred = append(inventory.Erred, failure)
		}
	}
	open(0).Last = true
}

// forgetNumbers prepares for a scheduler that gives its own numbers to templates and peers.
func (b *Brain) forgetNumbers() {
	b.functions = map[string]*pb.Function{}
	b.templates = map[uint32]*pb.TaskTemplate{}
	b.peers = map[uint32]*Peer{}
}

func (b *Brain) sortedRuns() []*Run {
	runs := make([]*Run, 0, len(b.runs))
	for _, run := range b.runs {
		runs = append(runs, run)
	}
	slices.SortFunc(runs, func(a, b *Run) int { return cmp.Compare(a.Key, b.Key) })
	return runs
}

func (b *Brain) sortedData() []*data {
	records := make([]*data, 0, len(b.data))
	for _, record := range b.data {
		records = append(records, record)
	}
	slices.SortFunc(records, func(a, b *data) int { return cmp.Compare(a.key, b.key) })
	return records
}
