// Package session keeps count of a conversation over streams that may break: which messages have
// come, and which have to be said again.
//
// Each direction numbers its messages and acknowledges those of the other; see FromWorker.sequence and
// Resume in the protocol.
package session

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

const (
	// acknowledgeAfter so many messages an acknowledgement is sent even if there is nothing to say.
	acknowledgeAfter = 32
	// resendBytes bounds what is kept to be sent again: while there is more, nothing new is sent.
	resendBytes = 64 << 20
	// An acknowledgement is also due when a share of that has come: the peer may be held back.
	acknowledgeBytes = resendBytes / 4
	// numbersBytes is what the two numbers of a message take at most.
	numbersBytes = 22
)

// Message is one of a stream: every one has these two numbers.
type Message interface {
	proto.Message
	GetSequence() uint64
	GetAcknowledged() uint64
}

// Session counts the messages of one session. It must not be used concurrently.
type Session[Out Message] struct {
	// ID is the name of the session, given by the scheduler; empty before the first welcome.
	ID string

	fresh        func() Out
	number       func(message Out, sequence, acknowledged uint64)
	sent         uint64
	received     uint64
	acknowledged uint64
	kept         []keptMessage[Out]
	keptBytes    int
	again        int // how many of those that are kept are to be sent again first
	owed         int
	owedBytes    int
	heldBack     bool
}

type keptMessage[Out Message] struct {
	message Out
	bytes   int
}

// New begins a session. fresh makes an empty message, and number sets the two numbers of one.
func New[Out Message](id string, fresh func() Out, number func(Out, uint64, uint64)) *Session[Out] {
	return &Session[Out]{ID: id, fresh: fresh, number: number}
}

// Received is the number of the last message that came in order.
func (s *Session[Out]) Received() uint64 { return s.received }

// Next returns the message to write now, numbered and kept; false when there is nothing to say.
//
// What has to be said again comes first, then what take gives, then a bare acknowledgement when one
// is due.
func (s *Session[Out]) Next(take func() (Out, bool)) (Out, bool) {
	if s.again > 0 {
		message := s.kept[len(s.kept)-s.again].message
		s.again--
		s.acknowledgeWith(message, message.GetSequence())
		return message, true
	}
	s.heldBack = s.keptBytes >= resendBytes
	var message Out
	ok := false
	if !s.heldBack {
		message, ok = take()
	}
	if !ok {
		if !s.isDue() {
			return message, false
		}
		message = s.fresh()
	}
	s.sent++
	s.acknowledgeWith(message, s.sent)
	bytes := saidBytes(message)
	s.kept = append(s.kept, keptMessage[Out]{message, bytes})
	s.keptBytes += bytes
	return message, true
}

// ShouldWrite says whether what has come calls for a message, or makes room for one.
func (s *Session[Out]) ShouldWrite() bool {
	return s.isDue() || (s.heldBack && s.keptBytes < resendBytes)
}

func (s *Session[Out]) isDue() bool {
	return s.owed >= acknowledgeAfter || s.owedBytes >= acknowledgeBytes
}

// Admit says whether an incoming message is new; one that came before is to be skipped. It is an
// error when messages before it are missing, or when it acknowledges what was never sent.
func (s *Session[Out]) Admit(message Message) (bool, error) {
	sequence, acknowledged := message.GetSequence(), message.GetAcknowledged()
	if acknowledged > s.sent {
		return false, fmt.Errorf("message %d acknowledges number %d, but only %d were sent in this session",
			sequence, acknowledged, s.sent)
	}
	if sequence <= s.received {
		s.forgetUntil(acknowledged) // sent again, with news of what has come
		return false, nil
	}
	if sequence != s.received+1 {
		return false, fmt.Errorf("message %d came after message %d: those between are missing",
			sequence, s.received)
	}
	s.received = sequence
	s.owed++
	s.owedBytes += saidBytes(message)
	s.forgetUntil(acknowledged)
	return true, nil
}

// Resume goes on over a new stream, where the peer has received so much in order: the rest is sent
// again.
func (s *Session[Out]) Resume(received uint64) error {
	if received < s.acknowledged || received > s.sent {
		return fmt.Errorf("the session cannot go on after message %d: those from %d to %d are kept",
			received, s.acknowledged+1, s.sent)
	}
	s.forgetUntil(received)
	s.again = len(s.kept)
	return nil
}

// Unacknowledged returns what was sent and not acknowledged, oldest first.
func (s *Session[Out]) Unacknowledged() []Out {
	messages := make([]Out, len(s.kept))
	for index, each := range s.kept {
		messages[index] = each.message
	}
	return messages
}

func (s *Session[Out]) acknowledgeWith(message Out, sequence uint64) {
	s.number(message, sequence, s.received)
	s.owed, s.owedBytes = 0, 0
}

func (s *Session[Out]) forgetUntil(number uint64) {
	if number <= s.acknowledged {
		return
	}
	count := 0
	for count < len(s.kept) && s.kept[count].message.GetSequence() <= number {
		s.keptBytes -= s.kept[count].bytes
		count++
	}
	clear(s.kept[:count]) // what is acknowledged may be collected
	s.kept = s.kept[count:]
	s.again = min(s.again, len(s.kept))
	s.acknowledged = number
}

// saidBytes is about the size of a message: 0 for a mere acknowledgement.
func saidBytes(message Message) int {
	return max(proto.Size(message)-numbersBytes, 0)
}
