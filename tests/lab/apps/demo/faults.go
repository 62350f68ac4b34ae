package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// The ways in which the application itself goes wrong, each set by an environment variable:
//
//	LOG_REQUESTS     "on" tells each request's id (X-Vegeta-Seq) when it came and when it was answered
//	IDLE_TIMEOUT     close a kept-alive connection after this long without a request
//	LIVE_FAIL_AFTER  /live answers 503 from then on
//	GROW_AFTER       take memory from then on, until it is gone
//	WARM_UP          for this long after the start, each answer takes WARM_UP_DELAY longer
//	WORKERS          answer so many requests at a time, the others wait
//	SLOW_EVERY       each n-th answer takes SLOW longer
//	FAIL_EVERY       FAIL_CODE or TRUNCATE only for each n-th request (1)
//	TRUNCATE         "on" ends the connection in the middle of the answer's body
//
// SIGUSR1 makes it take memory, SIGUSR2 makes /live answer 503, as if the time for it had come.
// GET /stop closes the listener and leaves the process running: for a preStop hook that stops the server first.
var (
	began   = time.Now()
	counted atomic.Int64
	workers = slots(env("WORKERS", ""))
	sick    atomic.Bool
)

func slots(text string) chan struct{} {
	if n, _ := strconv.Atoi(text); n > 0 {
		return make(chan struct{}, n)
	}
	return nil
}

// passed tells whether a time after the start, if one is set, is over.
func passed(name string) bool {
	after := env(name, "")
	return after != "" && time.Since(began) >= duration(after)
}

// isHit tells whether a request, by its number, is one of those that go wrong.
func isHit(number int64, every string) bool {
	n, _ := strconv.ParseInt(env(every, "1"), 10, 64)
	return n > 0 && number%n == 0
}

// misbehave does what comes before an answer; the function that it returns comes after it.
func misbehave(r *http.Request, number int64) func() {
	id := r.Header.Get("X-Vegeta-Seq")
	tells := env("LOG_REQUESTS", "") == "on" && id != ""
	if tells {
		say("request", map[string]any{"id": id})
	}
	if workers != nil {
		workers <- struct{}{}
	}
	if env("WARM_UP", "") != "" && !passed("WARM_UP") {
		time.Sleep(duration(env("WARM_UP_DELAY", "1s")))
	}
	if env("SLOW_EVERY", "") != "" && isHit(number, "SLOW_EVERY") {
		time.Sleep(duration(env("SLOW", "1s")))
	}
	return func() {
		if workers != nil {
			<-workers
		}
		if tells {
			say("answered", map[string]any{"id": id})
		}
	}
}

// truncate promises more than it sends, and ends the connection.
func truncate(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "4096")
	fmt.Fprint(w, "{")
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// grow takes memory, 8 MB each 20 ms, and touches it.
func grow() {
	say("grow", nil)
	var held [][]byte
	for {
		part := make([]byte, 8<<20)
		for i := range part {
			part[i] = 1
		}
		held = append(held, part)
		time.Sleep(20 * time.Millisecond)
		if len(held) > 4096 {
			os.Exit(4)
		}
	}
}

// addFaults adds the paths by which a probe or a hook meets them, and starts those that come by time.
func addFaults(mux *http.ServeMux, server *http.Server) {
	mux.HandleFunc("/live", func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() || passed("LIVE_FAIL_AFTER") {
			http.Error(w, "not alive", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/stop", func(w http.ResponseWriter, r *http.Request) {
		say("stop", nil)
		go server.Close()
	})
	if idle := env("IDLE_TIMEOUT", ""); idle != "" {
		server.IdleTimeout = duration(idle)
	}
	asked := make(chan os.Signal, 4)
	signal.Notify(asked, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for sig := range asked {
			if sig == syscall.SIGUSR1 {
				go grow()
			} else {
				say("sick", nil)
				sick.Store(true)
			}
		}
	}()
	if after := env("GROW_AFTER", ""); after != "" {
		time.AfterFunc(duration(after), grow)
	}
}
