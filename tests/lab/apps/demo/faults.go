package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// The ways in which the application itself goes wrong, each set by an environment variable:
//
//	LOG_REQUESTS     "on" tells each request's id (?id=…) when it came and when it was answered
//	IDLE_TIMEOUT     close a kept-alive connection after this long without a request
//	LIVE_FAIL_AFTER  /live answers 503 from then on
//	GROW_AFTER       take memory from then on, until it is gone
//	WARM_UP          for this long after the start, each answer takes WARM_UP_DELAY longer
//	WORKERS          answer so many requests at a time, the others wait
//	FAIL_EVERY       FAIL_CODE, TRUNCATE or CRASH_ON only for each n-th request (1)
//	TRUNCATE         "on" ends the connection in the middle of the answer's body
//
// GET /stop closes the listener and leaves the process running: for a preStop hook that stops the server first.
var (
	began   = time.Now()
	counted atomic.Int64
	workers = slots(env("WORKERS", ""))
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

// isHit tells whether this request is one of those that go wrong.
func isHit() bool {
	every, _ := strconv.ParseInt(env("FAIL_EVERY", "1"), 10, 64)
	return counted.Add(1)%every == 0
}

// misbehave does what comes before an answer; the function that it returns comes after it.
func misbehave(r *http.Request) func() {
	id := r.URL.Query().Get("id")
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
		if passed("LIVE_FAIL_AFTER") {
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
	if after := env("GROW_AFTER", ""); after != "" {
		time.AfterFunc(duration(after), grow)
	}
}
