package worker

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const (
	textBytesMax = 64 << 10
	framesMax    = 100
	causesMax    = 20
	language     = "go"
	// ownPackage is where functions are called: the frames above it are the user's.
	ownPackage = "github.com/gdistributed/gdistributed/workers/go/worker."
)

// badCall is the error for a call whose arguments do not fit the function, which has not begun.
type badCall struct {
	function string
	cause    error
}

func (b *badCall) Error() string { return fmt.Sprintf("calling %s: %s", b.function, b.cause) }

func (b *badCall) Unwrap() error { return b.cause }

// unknownFunction is the error for a function that this worker does not offer.
type unknownFunction struct {
	text string
}

func (u *unknownFunction) Error() string { return u.text }

// panicked is the error for a function that did not return.
type panicked struct {
	value  any
	frames []runtime.Frame
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (p *panicked) Unwrap() error {
	cause, _ := p.value.(error)
	return cause
}

// failureOf describes an error for all languages.
func failureOf(err error, function *Function) *pb.TaskError {
	failure := &pb.TaskError{
		Type:      fmt.Sprintf("%T", err),
		Message:   shortened(err.Error()),
		Runtime:   language,
		Kind:      pb.TaskErrorKind_TASK_ERROR_KIND_USER,
		Retryable: true,
		Counts:    true,
		Causes:    causesOf(err),
	}
	var frames []runtime.Frame
	var panicked *panicked
	var unsupported *codec.Unsupported
	var unknown *unknownFunction
	var badCall *badCall
	switch {
	case errors.As(err, &panicked):
		failure.Type, failure.Causes = "panic", nil
		if cause := panicked.Unwrap(); cause != nil {
			failure.Type, failure.Causes = fmt.Sprintf("%T", cause), causesOf(cause)
		}
		frames = panicked.frames
	case errors.As(err, &unsupported):
		own(failure, "CODEC_UNSUPPORTED")
	case errors.As(err, &unknown):
		own(failure, "UNKNOWN_FUNCTION")
	case errors.As(err, &badCall):
		failure.Retryable = false
		if count := len(failure.Causes); count > 0 {
			failure.Type = failure.Causes[count-1].GetType()
		}
	default:
		frames = placeOf(function)
	}
	for _, frame := range frames {
		failure.Frames = append(failure.Frames, &pb.StackFrame{
			File: frame.File, Line: uint32(frame.Line), Function: frame.Function,
		})
	}
	failure.Traceback = shortened(traceback(failure, frames))
	return failure
}

// own marks a failure that is none of the function's.
func own(failure *pb.TaskError, reason string) {
	failure.Kind = pb.TaskErrorKind_TASK_ERROR_KIND_SYSTEM
	failure.Reason = reason
	failure.Retryable = false
}

// causesOf returns what an error wraps, nearest first; of several that it wraps at once, the first.
func causesOf(err error) []*pb.ErrorCause {
	var causes []*pb.ErrorCause
	for len(causes) < causesMax {
		if several, ok := err.(interface{ Unwrap() []error }); ok && len(several.Unwrap()) > 0 {
			err = several.Unwrap()[0]
		} else {
			err = errors.Unwrap(err)
		}
		if err == nil {
			break
		}
		causes = append(causes, &pb.ErrorCause{Type: fmt.Sprintf("%T", err), Message: shortened(err.Error())})
	}
	return causes
}

// placeOf returns where a function is defined. Go's errors do not say where they were made.
func placeOf(function *Function) []runtime.Frame {
	if function == nil {
		return nil
	}
	frame, _ := runtime.CallersFrames([]uintptr{function.body.Pointer() + 1}).Next()
	if frame.Function == "" {
		return nil
	}
	return []runtime.Frame{frame}
}

// userFrames returns the frames of the user's code, outermost first; to be called while a panic is
// recovered.
func userFrames() []runtime.Frame {
	counters := make([]uintptr, 2*framesMax)
	counters = counters[:runtime.Callers(0, counters)]
	walk := runtime.CallersFrames(counters)
	var frames []runtime.Frame
	for {
		frame, more := walk.Next()
		switch {
		case frame.Function == "runtime.gopanic" || frame.Function == "runtime.Goexit":
			frames = frames[:0] // what is below was called by the panic
		case strings.HasPrefix(frame.Function, "reflect.Value.") || strings.HasPrefix(frame.Function, ownPackage):
			if len(frames) > 0 && strings.HasPrefix(frame.Function, "reflect.Value.") {
				more = false // what is above has called the user's function
			}
		case !strings.HasPrefix(frame.Function, "runtime."):
			frames = append(frames, frame)
		}
		if !more || len(frames) == framesMax {
			break
		}
	}
	slices.Reverse(frames)
	return frames
}

// traceback writes frames as Go does, the innermost first.
func traceback(failure *pb.TaskError, frames []runtime.Frame) string {
	if len(frames) == 0 {
		return ""
	}
	lines := []string{failure.GetType() + ": " + failure.GetMessage()}
	for _, frame := range slices.Backward(frames) {
		lines = append(lines, fmt.Sprintf("%s(...)\n\t%s:%d", frame.Function, frame.File, frame.Line))
	}
	return strings.Join(lines, "\n") + "\n"
}

// shortened cuts a text in the middle, and makes it one that every language can read.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= textBytesMax {
		return text
	}
	half := textBytesMax/2 - 10
	return strings.ToValidUTF8(text[:half], "") + "\n[...]\n" + strings.ToValidUTF8(text[len(text)-half:], "")
}
