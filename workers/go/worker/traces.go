package worker

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/gdistributed/gdistributed/workers/go/internal/brain"
)

const tracerName = "github.com/gdistributed/gdistributed/workers/go/worker"

// traced begins the span of a run that was submitted as part of a trace, and returns the context in
// which it is current, and what ends it. A run without a trace has neither.
//
// The span is that of the program's tracer provider. Without one it records nothing, and the context
// still names the trace.
func (w *Worker) traced(ctx context.Context, run *brain.Run) (context.Context, func(error)) {
	traceparent := run.Task.GetTraceparent()
	if traceparent == "" {
		return ctx, func(error) {}
	}
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	ctx, span := otel.Tracer(tracerName).Start(ctx, "gdistributed.run",
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("gdistributed.key", run.Key),
			attribute.Int64("gdistributed.attempt", int64(run.Attempt)),
			attribute.String("gdistributed.prefix", run.Template.GetPrefix()),
			attribute.String("gdistributed.worker.id", w.id),
			attribute.String("gdistributed.worker.name", w.options.Name),
		))
	return ctx, func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
