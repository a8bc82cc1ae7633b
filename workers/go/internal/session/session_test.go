package session

import (
	"testing"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

func newTestSession() *Session[*pb.FromWorker] {
	return New("s", func() *pb.FromWorker { return &pb.FromWorker{} },
		func(message *pb.FromWorker, sequence, acknowledged uint64) {
			message.Sequence, message.Acknowledged = sequence, acknowledged
		})
}

func mail(keys ...string) func() (*pb.FromWorker, bool) {
	return func() (*pb.FromWorker, bool) {
		if len(keys) == 0 {
			return nil, false
		}
		message := &pb.FromWorker{Dropped: []string{keys[0]}}
		keys = keys[1:]
		return message, true
	}
}

func sent(t *testing.T, s *Session[*pb.FromWorker], take func() (*pb.FromWorker, bool)) []*pb.FromWorker {
	t.Helper()
	var messages []*pb.FromWorker
	for {
		message, ok := s.Next(take)
		if !ok {
			return messages
		}
		messages = append(messages, message)
	}
}

func TestWhatIsNotAcknowledgedIsSaidAgainOverANewStream(t *testing.T) {
	s := newTestSession()
	sent(t, s, mail("a", "b", "c"))
	if _, err := s.Admit(&pb.ToWorker{Sequence: 1, Acknowledged: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Resume(2); err != nil {
		t.Fatal(err)
	}
	again := sent(t, s, mail("d"))
	if len(again) != 2 || again[0].Dropped[0] != "c" || again[0].Sequence != 3 || again[1].Sequence != 4 {
		t.Fatalf("said again: %v", again)
	}
	if again[0].Acknowledged != 1 {
		t.Errorf("what is said again acknowledges %d", again[0].Acknowledged)
	}
}

func TestASessionCannotGoOnWhereMessagesAreForgottenOrWereNeverSent(t *testing.T) {
	s := newTestSession()
	sent(t, s, mail("a", "b"))
	if _, err := s.Admit(&pb.ToWorker{Sequence: 1, Acknowledged: 2}); err != nil {
		t.Fatal(err)
	}
	for _, received := range []uint64{1, 3} {
		if err := s.Resume(received); err == nil {
			t.Errorf("it goes on after message %d", received)
		}
	}
}

func TestAMessageThatCameBeforeIsSkippedAndAGapIsAnError(t *testing.T) {
	s := newTestSession()
	for _, step := range []struct {
		sequence uint64
		isNew    bool
		fails    bool
	}{{1, true, false}, {1, false, false}, {3, false, true}, {2, true, false}} {
		isNew, err := s.Admit(&pb.ToWorker{Sequence: step.sequence})
		if isNew != step.isNew || (err != nil) != step.fails {
			t.Errorf("message %d: new %v, error %v", step.sequence, isNew, err)
		}
	}
	if _, err := s.Admit(&pb.ToWorker{Sequence: 3, Acknowledged: 9}); err == nil {
		t.Error("an acknowledgement of what was never sent is admitted")
	}
}

func TestAnAcknowledgementIsSentWhenThereIsNothingElseToSay(t *testing.T) {
	s := newTestSession()
	for number := uint64(1); number <= acknowledgeAfter; number++ {
		if s.ShouldWrite() {
			t.Fatalf("an acknowledgement is due after %d messages", number-1)
		}
		if _, err := s.Admit(&pb.ToWorker{Sequence: number}); err != nil {
			t.Fatal(err)
		}
	}
	messages := sent(t, s, mail())
	if len(messages) != 1 || messages[0].Acknowledged != acknowledgeAfter {
		t.Fatalf("said: %v", messages)
	}
}

func TestTooMuchThatIsNotAcknowledgedHoldsFreshMailBack(t *testing.T) {
	s := newTestSession()
	large := &pb.FromWorker{Finished: []*pb.TaskFinished{{Value: make([]byte, resendBytes+100)}}}
	sent(t, s, func() (*pb.FromWorker, bool) {
		message := large
		large = nil
		return message, message != nil
	})
	if held := sent(t, s, mail("a")); len(held) != 0 {
		t.Fatalf("said: %v", held)
	}
	if _, err := s.Admit(&pb.ToWorker{Sequence: 1, Acknowledged: 1}); err != nil {
		t.Fatal(err)
	}
	if !s.ShouldWrite() || len(sent(t, s, mail("a"))) != 1 {
		t.Error("there is room, and nothing is said")
	}
}
