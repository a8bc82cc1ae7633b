package brain

import (
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

type state int

const (
	// Of runs.
	waiting   state = iota // for values that are not here
	ready                  // all values are here; waits for its turn
	executing              // given to the shell
	abandoned              // executing, and nobody wants the result
	ended                  // reported, given back or dropped
	// Of values.
	known    // named, and neither here nor asked for
	queued   // waits for its turn to be asked for
	fetching // asked for
	missing  // no holder gave it; the scheduler was told
	held     // here
	gone     // no longer here, or no longer wanted
)

// Run is one run of a task, named by key and attempt: two runs of one task never meet.
type Run struct {
	Key      string
	Attempt  uint64
	Task     *pb.RunTask
	Template *pb.TaskTemplate
	Function *pb.Function // nil if it was not announced
	// Inputs are the values that it needs, by key; known once it is to be run.
	Inputs map[string]*pb.Payload

	state     state
	uses      []*data
	waitingOn int
	arrival   uint64
}

// data is one value that is held, or wanted.
type data struct {
	key     string
	value   *pb.Payload // when it is held
	nbytes  uint64
	kind    string // its type, for people
	attempt uint64 // the run that computed it here; 0 when it was put here or copied
	put     uint64 // number of the put that brought it here, while that is not claimed
	state   state
	users   int               // runs that have not ended and need it
	freed   bool              // the scheduler no longer wants it here: it goes with its last user
	copied  bool              // the scheduler wants it here, whether or not a run needs it
	waiters []*Run            // runs that wait for it
	holders []uint32          // peers that may still be asked for it
	refused []*pb.MissingData // what the peers answered that were asked in vain
	peer    *Peer             // that it is queued at, or asked of
	fetch   *Fetch            // the call that asks
}

// Peer is another worker, from which values are fetched.
type Peer struct {
	ID, Address, Host string

	queue     []*data
	busyBytes uint64 // size of what is queued or on its way from it
	calls     int
	refusals  int // how often in a row it had no room for transfers
	rests     bool
}

// Fetch is one call to a peer. The shell makes it and tells what came of it.
type Fetch struct {
	Peer *Peer
	Keys []string

	wanted map[string]*data // what was asked for and has not come yet
}

type runName struct {
	key     string
	attempt uint64
}

// readyRuns is a heap: lower ranks first, and of one rank whatever came first.
type readyRuns []*Run

func (r readyRuns) Len() int { return len(r) }

func (r readyRuns) Less(i, j int) bool {
	if r[i].Task.GetRank() != r[j].Task.GetRank() {
		return r[i].Task.GetRank() < r[j].Task.GetRank()
	}
	return r[i].arrival < r[j].arrival
}

func (r readyRuns) Swap(i, j int) { r[i], r[j] = r[j], r[i] }

func (r *readyRuns) Push(run any) { *r = append(*r, run.(*Run)) }

func (r *readyRuns) Pop() any {
	last := len(*r) - 1
	run := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	return run
}
