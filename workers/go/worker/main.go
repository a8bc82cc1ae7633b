package worker

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main is the whole of a worker program: it reads the command line, and serves the cluster until it is
// told to end. It does not return.
//
// The program is called with the address of a scheduler or a Center, and with flags that -help lists.
// SIGTERM makes it leave without a loss, with exit code 0; SIGINT at once; a second signal ends it
// whatever happens.
func Main(functions ...Function) {
	options, withParent, err := parse(os.Args[0], os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	worker, err := New(options, functions...)
	if err == nil {
		err = worker.runUntilSignal(withParent)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse(program string, arguments []string) (options Options, withParent bool, err error) {
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	flags.StringVar(&options.Name, "name", "", "name of the worker")
	flags.StringVar(&options.Host, "host", "127.0.0.1", "host to listen on, which peers reach")
	flags.IntVar(&options.Port, "port", 0, "port to listen on; 0 picks a free one")
	flags.IntVar(&options.Threads, "nthreads", 0, "tasks that run at once (default: the cores)")
	flags.StringVar(&options.TLS, "tls", os.Getenv("GD_TLS"),
		"folder of the cluster's certificates, to speak TLS")
	level := slog.LevelInfo
	flags.TextVar(&level, "log-level", slog.LevelInfo, "least level that is logged")
	flags.BoolVar(&withParent, "stop-with-parent", false, "stop when the standard input is closed")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage: %s [flags] ADDRESS\n\n"+
			"Join the scheduler or Center at ADDRESS (HOST:PORT) and run Go functions.\n\n", program)
		flags.PrintDefaults()
	}
	if err := flags.Parse(arguments); err != nil {
		return options, false, err
	}
	if flags.NArg() > 0 {
		options.Scheduler = flags.Arg(0)
		if err := flags.Parse(flags.Args()[1:]); err != nil { // flags may follow the address
			return options, false, err
		}
	}
	if options.Scheduler == "" || flags.NArg() > 0 {
		flags.Usage()
		return options, false, errors.New("give one address")
	}
	options.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	return options, withParent, nil
}

// runUntilSignal runs the worker until it ends by itself, or by a signal.
func (w *Worker) runUntilSignal(withParent bool) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if withParent {
		go func() {
			_, err := io.Copy(io.Discard, os.Stdin)
			w.log.Info("the parent is gone", "cause", err)
			cancel()
		}()
	}
	go func() {
		if <-signals == syscall.SIGTERM && w.Drain() {
			time.AfterFunc(drainTimeout, cancel)
		} else {
			cancel()
		}
		second := <-signals
		os.Exit(128 + int(second.(syscall.Signal)))
	}()
	return w.Run(ctx)
}
