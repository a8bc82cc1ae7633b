package worker_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/worker"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	submitID    = "b7ad6b7169203331"
	traceparent = "00-" + traceID + "-" + submitID + "-01"
)

var where = worker.Offer("where", "Say in which trace this runs.", func(ctx context.Context) string {
	return trace.SpanContextFromContext(ctx).TraceID().String()
})

// runTraced hands a task over that was submitted as part of a trace.
func (p *played) runTraced(key string, template uint32) {
	p.t.Helper()
	task := &pb.RunTask{Key: key, Attempt: 1, Template: template, Traceparent: traceparent}
	p.say(&pb.ToWorker{Run: []*pb.RunTask{task}})
}

func TestAFunctionKnowsItsTraceThoughNobodyRecords(t *testing.T) {
	_, p := newStage(t, 1, where)
	p.welcome("1", "where")
	p.runTraced("traced", 1)
	if got := p.value(p.finished("traced")); got != "text "+traceID {
		t.Errorf("traced: %s", got)
	}
	p.run("untraced", 2, 1)
	if got := p.value(p.finished("untraced")); got != "text "+strings.Repeat("0", 32) {
		t.Errorf("untraced: %s", got)
	}
}

func TestTheSpanOfARunIsPartOfItsTrace(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	_, p := newStage(t, 1, where, worker.Offer("fail", "", fail))
	p.welcome("1", "where", "fail")
	p.runTraced("fine", 1)
	p.finished("fine")
	p.runTraced("broken", 2)
	p.erred("broken")
	p.run("untraced", 1, 1)
	p.finished("untraced")

	spans := recorder.Ended()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	for index, key := range []string{"fine", "broken"} {
		span := spans[index]
		if span.Name() != "gdistributed.run" || span.SpanKind() != trace.SpanKindConsumer {
			t.Errorf("%s: %s, %s", key, span.Name(), span.SpanKind())
		}
		if span.SpanContext().TraceID().String() != traceID || span.Parent().SpanID().String() != submitID {
			t.Errorf("%s is part of %v", key, span.Parent())
		}
		said := attribute.NewSet(span.Attributes()...)
		if got, _ := said.Value("gdistributed.key"); got.AsString() != key {
			t.Errorf("%s: %v", key, span.Attributes())
		}
		if got, _ := said.Value("gdistributed.worker.name"); got.AsString() != "gopher" {
			t.Errorf("%s: %v", key, span.Attributes())
		}
	}
	if fine := spans[0]; fine.Status().Code != codes.Unset || len(fine.Events()) != 0 {
		t.Errorf("fine: %v, %v", fine.Status(), fine.Events())
	}
	if broken := spans[1]; broken.Status().Code != codes.Error || len(broken.Events()) != 1 {
		t.Errorf("broken: %v, %v", broken.Status(), broken.Events())
	}
}
