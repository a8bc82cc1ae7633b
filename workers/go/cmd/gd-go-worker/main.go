// gd-go-worker is an example of a worker program: it offers a few functions of the usual kinds.
package main

import "github.com/gdistributed/gdistributed/workers/go/worker"

func main() {
	worker.Main(
		worker.Offer("wordcount.Count", "Count how often each word stands in a text.", countWords),
		worker.Offer("wordcount.Merge", "Add up the counts of several texts.", mergeCounts),
		worker.Offer("records.Select", "Keep the named fields of each record.", selectFields),
		worker.Offer("primes.Sieve", "List the primes below a limit.", sieve),
		worker.Offer("plain.Noop", "Do nothing.", func() {}),
		worker.Offer("plain.Echo", "Return the argument as it came.", echo),
		worker.Offer("plain.Trace", "Return the id of the trace that it runs in.", traceOf),
		worker.Offer("plain.Size", "Count the bytes of a value.", func(data []byte) int { return len(data) }),
		worker.Offer("plain.Sleep", "Sleep for so many seconds, or until cancelled.", sleep),
		worker.Offer("fails.Error", "Return an error.", failWithError),
		worker.Offer("fails.Panic", "Index a list beyond its end.", failWithPanic),
	)
}
