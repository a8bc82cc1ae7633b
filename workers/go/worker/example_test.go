package worker_test

import (
	"context"
	"log"

	"github.com/gdistributed/gdistributed/workers/go/worker"
)

func greet(name string, times int) []string {
	greetings := make([]string, times)
	for index := range greetings {
		greetings[index] = "Hello, " + name
	}
	return greetings
}

// A program that is a worker and nothing else.
func ExampleMain() {
	worker.Main(
		worker.Offer("greeter.Greet", "Greet somebody several times.", greet),
	)
}

// A worker inside a program of one's own.
func ExampleNew() {
	functions := worker.Offer("greeter.Greet", "Greet somebody several times.", greet)
	gopher, err := worker.New(worker.Options{Scheduler: "127.0.0.1:8786", Name: "gopher"}, functions)
	if err != nil {
		log.Fatal(err)
	}
	if err := gopher.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
