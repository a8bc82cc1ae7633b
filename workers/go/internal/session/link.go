package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Stream is a gRPC stream as a client sees it.
type Stream[Out, In Message] interface {
	Send(Out) error
	Recv() (In, error)
	CloseSend() error
}

// Link is one live stream of a session. The session may go on over another one.
//
// While a write waits for the peer, mail piles up; when it is accepted, all that piled up is the next
// batch.
type Link[Out, In Message] struct {
	// Receive is called with each message that is new, one after the other; to be set before Run.
	Receive func(In)
	// Pace is the least time between two messages, so that what is said in quick succession travels
	// together: gRPC takes messages as fast as they are written. 0 is for who gathers mail himself.
	Pace time.Duration

	session  *Session[Out]
	take     func() (Out, bool)
	isLast   func(Out) bool
	log      *slog.Logger
	mail     chan struct{}
	mutex    sync.Mutex // guards the session
	finished bool
	skipped  map[protowire.Number]bool
}

// NewLink makes a link for one stream.
//
// take gives the next batch, if there is mail; after a message for which isLast says true nothing more
// is written.
func NewLink[Out, In Message](
	session *Session[Out],
	take func() (Out, bool),
	isLast func(Out) bool,
	log *slog.Logger,
) *Link[Out, In] {
	return &Link[Out, In]{
		session: session,
		take:    take,
		isLast:  isLast,
		log:     log,
		mail:    make(chan struct{}, 1),
		skipped: map[protowire.Number]bool{},
	}
}

// Wake says that there is mail. It may be called from anywhere.
func (l *Link[Out, In]) Wake() {
	select {
	case l.mail <- struct{}{}:
	default: // the writer will look anyway
	}
}

// Finish ends the writing once all mail has been written.
func (l *Link[Out, In]) Finish() {
	l.mutex.Lock()
	l.finished = true
	l.mutex.Unlock()
	l.Wake()
}

// Run reads and writes until the peer ends the stream; it returns why, nil when that was in order.
// The context must be that of the stream; it is cancelled in the end.
func (l *Link[Out, In]) Run(ctx context.Context, cancel context.CancelFunc, stream Stream[Out, In]) error {
	written := make(chan struct{})
	go func() {
		defer close(written)
		l.writeAll(ctx, stream)
	}()
	err := l.readAll(stream)
	cancel()
	<-written // then nobody but the next link touches the session
	return err
}

func (l *Link[Out, In]) readAll(stream Stream[Out, In]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		l.warnOfUnknown(message)
		l.mutex.Lock()
		isNew, err := l.session.Admit(message)
		shouldWrite := l.session.ShouldWrite()
		l.mutex.Unlock()
		if err != nil {
			return err
		}
		if isNew {
			l.Receive(message)
		}
		if shouldWrite {
			l.Wake()
		}
	}
}

// writeAll writes until the stream or the mail ends. Of a stream that breaks the reader hears why.
func (l *Link[Out, In]) writeAll(ctx context.Context, stream Stream[Out, In]) {
	for ctx.Err() == nil {
		l.mutex.Lock()
		message, ok := l.session.Next(l.take)
		finished := l.finished
		l.mutex.Unlock()
		if ok {
			if err := stream.Send(message); err != nil {
				l.log.Debug("writing ended", "cause", err)
				return
			}
		}
		if (ok && l.isLast(message)) || (!ok && finished) {
			if err := stream.CloseSend(); err != nil {
				l.log.Debug("the stream could not be closed", "cause", err)
			}
			return
		}
		if ok {
			l.rest(ctx)
			continue
		}
		select {
		case <-l.mail:
		case <-ctx.Done():
		}
	}
}

// rest waits until another message may follow.
func (l *Link[Out, In]) rest(ctx context.Context) {
	if l.Pace > 0 {
		select {
		case <-time.After(l.Pace):
		case <-ctx.Done():
		}
	}
}

// warnOfUnknown says once of each field of a newer protocol that it is skipped.
func (l *Link[Out, In]) warnOfUnknown(message proto.Message) {
	reflected := message.ProtoReflect()
	for unknown := reflected.GetUnknown(); len(unknown) > 0; {
		number, _, length := protowire.ConsumeField(unknown)
		if length < 0 {
			return
		}
		unknown = unknown[length:]
		if !l.skipped[number] {
			l.skipped[number] = true
			l.log.Warn("unknown field skipped", "kind", reflected.Descriptor().Name(), "field", number)
		}
	}
}
