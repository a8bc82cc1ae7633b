package brain

import (
	"slices"
	"time"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const (
	fetchBytesMax = 256 << 20 // on their way from peers at one time
	fetchKeysMax  = 1000      // in one call
	fetchCallsMax = 2         // to one peer
	fetchTries    = 8         // a peer without room so often in a row is taken for unreachable
	restFor       = 50 * time.Millisecond
)

// Ending says how a call to a peer ended.
type Ending int

const (
	// Answered means that the peer said of every key what it could.
	Answered Ending = iota
	// Unreachable means that it did not answer, or answered nonsense.
	Unreachable
	// Busy means that it has no room for transfers now.
	Busy
)

// Fetched says that a value has come.
func (b *Brain) Fetched(fetch *Fetch, key string, value *pb.Payload, nbytes uint64, kind string) {
	fetch.Peer.refusals = 0
	record := fetch.wanted[key]
	if record == nil {
		return // no longer asked for
	}
	b.giveUpAsking(record)
	if record.users > 0 || record.copied {
		b.hold(key, value, nbytes, kind)
		b.sayStored(record)
	} else {
		b.release(record)
	}
}

// FetchLacked says that the peer does not hold a value.
func (b *Brain) FetchLacked(fetch *Fetch, key string) {
	if record := fetch.wanted[key]; record != nil {
		b.askElsewhere(record, false)
	}
}

// FetchFailed says that a value cannot be had from anybody: all runs that need it fail.
func (b *Brain) FetchFailed(fetch *Fetch, key string, failure *pb.TaskError) {
	record := fetch.wanted[key]
	if record == nil {
		return
	}
	b.giveUpAsking(record)
	record.copied = false
	for _, run := range slices.Clone(record.waiters) {
		b.end(run, failure)
	}
	if b.data[key] == record {
		b.release(record)
	}
}

// FetchEnded says that a call is over; what has not come by now does not come by it.
func (b *Brain) FetchEnded(fetch *Fetch, how Ending) {
	peer := fetch.Peer
	peer.calls--
	b.askSoon(peer)
	if how == Busy {
		peer.refusals++
		if peer.refusals < fetchTries {
			b.rest(fetch)
			return
		}
		peer.refusals = 0
		how = Unreachable
	}
	for _, record := range fetch.left() {
		b.askElsewhere(record, how == Unreachable)
	}
}

// rest lets a peer alone for a while; what was asked of it is asked of others, or of it later.
func (b *Brain) rest(fetch *Fetch) {
	peer := fetch.Peer
	peer.rests = true
	event := func() {
		peer.rests = false
		b.askSoon(peer)
	}
	b.effects.Timers = append(b.effects.Timers, Timer{restFor << peer.refusals, event})
	for _, record := range fetch.left() {
		b.giveUpAsking(record)
		if record.users > 0 || record.copied {
			b.ask(record)
		} else {
			b.release(record)
		}
	}
}

// left returns what has not come, in the order in which it was asked for.
func (f *Fetch) left() []*data {
	var records []*data
	for _, key := range f.Keys {
		if record := f.wanted[key]; record != nil {
			records = append(records, record)
		}
	}
	return records
}

// ask queues a value that is not here at its least busy holder.
func (b *Brain) ask(record *data) {
	var best *Peer
	for _, number := range record.holders {
		peer := b.peers[number]
		if peer != nil && (best == nil || peer.isLessBusy(best)) {
			best = peer
		}
	}
	if best == nil {
		b.miss(record)
		return
	}
	record.state, record.peer = queued, best
	best.queue = append(best.queue, record)
	best.busyBytes += record.nbytes
	b.askSoon(best)
}

func (p *Peer) isLessBusy(other *Peer) bool {
	if p.rests != other.rests {
		return other.rests
	}
	return p.busyBytes < other.busyBytes
}

// miss tells the scheduler that there is nobody left to ask.
func (b *Brain) miss(record *data) {
	record.state = missing
	if len(record.refused) > 0 {
		batch := b.out.to(len(record.refused) * (len(record.key) + itemBytes))
		batch.Missing = append(batch.Missing, record.refused...)
	} else {
		batch := b.out.to(2 * len(record.key))
		batch.Dropped = append(batch.Dropped, record.key) // perhaps it is believed to be here
		batch.Missing = append(batch.Missing, &pb.MissingData{Key: record.key})
	}
	record.refused = nil
	record.copied = false // the scheduler hears that the copy has failed
	b.release(record)
}

// askElsewhere asks the next holder: a peer did not give a value.
func (b *Brain) askElsewhere(record *data, unreachable bool) {
	peer := record.peer
	record.refused = append(record.refused, &pb.MissingData{
		Key: record.key, WorkerId: peer.ID, Unreachable: unreachable,
	})
	b.giveUpAsking(record)
	record.holders = slices.DeleteFunc(record.holders, func(number uint32) bool {
		return b.peers[number] == peer
	})
	if record.users > 0 || record.copied {
		b.ask(record)
	} else {
		b.release(record)
	}
}

// giveUpAsking takes a value out of the queue or the call that it is in.
func (b *Brain) giveUpAsking(record *data) {
	switch record.state {
	case queued:
		record.peer.queue = without(record.peer.queue, record)
		record.peer.busyBytes -= record.nbytes
	case fetching:
		record.peer.busyBytes -= record.nbytes
		delete(record.fetch.wanted, record.key)
		b.fetching--
		b.fetchBytes -= record.nbytes
	}
	record.state, record.peer, record.fetch = known, nil, nil
}

func (b *Brain) askSoon(peer *Peer) {
	if len(peer.queue) > 0 && !slices.Contains(b.toAsk, peer) {
		b.toAsk = append(b.toAsk, peer)
	}
}

// beginFetches makes calls to peers, as many as the bounds allow.
func (b *Brain) beginFetches() {
	for len(b.toAsk) > 0 {
		peer := b.toAsk[0]
		if len(peer.queue) == 0 || peer.rests || peer.calls >= fetchCallsMax {
			b.toAsk = b.toAsk[1:] // until a call or its rest ends, or more is queued
			continue
		}
		fetch := b.nextFetch(peer)
		if len(fetch.Keys) == 0 {
			return // no room for more bytes
		}
		peer.calls++
		b.effects.Fetch = append(b.effects.Fetch, fetch)
	}
}

func (b *Brain) nextFetch(peer *Peer) *Fetch {
	fetch := &Fetch{Peer: peer, wanted: map[string]*data{}}
	for len(peer.queue) > 0 && len(fetch.Keys) < fetchKeysMax {
		record := peer.queue[0]
		if b.fetching > 0 && b.fetchBytes+record.nbytes > fetchBytesMax {
			break
		}
		peer.queue = peer.queue[1:]
		record.state, record.fetch = fetching, fetch
		b.fetching++
		b.fetchBytes += record.nbytes
		fetch.Keys = append(fetch.Keys, record.key)
		fetch.wanted[record.key] = record
	}
	return fetch
}
