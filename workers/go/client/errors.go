package client

import (
	"errors"
	"fmt"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// ErrClosed says that the client was closed.
var ErrClosed = errors.New("the client is closed")

// TaskError says why a task failed, in whatever language it ran.
type TaskError struct {
	// Key of the task in which the failure began.
	Key string
	// Type of the error in its language, Message as a person reads it, and Traceback as text.
	Type, Message, Traceback string
	// Runtime in which it happened: "python", "go", ...
	Runtime string
	// Reason is a stable word in capitals; empty for an error of the user's own code.
	Reason string
	// Worker is the name of the worker on which it happened; empty for none.
	Worker string
}

func (t *TaskError) Error() string {
	text := t.Type + ": " + t.Message
	if t.Worker != "" {
		text += fmt.Sprintf(" (in task %q on worker %s)", t.Key, t.Worker)
	}
	return text
}

func taskError(from *pb.TaskError) *TaskError {
	return &TaskError{
		Key:       from.GetKey(),
		Type:      from.GetType(),
		Message:   from.GetMessage(),
		Traceback: from.GetTraceback(),
		Runtime:   from.GetRuntime(),
		Reason:    from.GetReason(),
		Worker:    from.GetWorkerName(),
	}
}
