// churn changes many objects of a cluster at a steady rate: pods that no scheduler takes, so that nothing else
// touches them.
//
//	churn -make 5000                       makes them, in namespace churn
//	churn -change 5000 -rate 1000 -for 60s changes an annotation of one after the other
//
// It finds the API server in KUBECONFIG (a token, as the lab's). What it did is one JSON object on stdout:
// changes asked for, answered and failed, and seconds that the slowest was late.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

const home = "/api/v1/namespaces/churn/pods"

var server, token string
var client *http.Client

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect() {
	config, err := os.ReadFile(os.Getenv("KUBECONFIG"))
	check(err)
	said := func(name string) string {
		return string(regexp.MustCompile(name + `: "?([^"\s,}]+)`).FindSubmatch(config)[1])
	}
	server, token = said("server"), said("token")
	authority, err := os.ReadFile(said("certificate-authority"))
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true,
	}}
}

func send(verb, path, kind string, body any) error {
	data, err := json.Marshal(body)
	check(err)
	request, err := http.NewRequest(verb, server+path, bytes.NewReader(data))
	check(err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", kind)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode >= 300 && answer.StatusCode != http.StatusConflict {
		return fmt.Errorf("%s %s: %s", verb, path, answer.Status)
	}
	return err
}

type object = map[string]any

// pod is as large as those of real workloads are: about 3 kB as the API server shows it.
func pod(number int) object {
	env := []object{}
	for i := range 12 {
		env = append(env, object{"name": fmt.Sprintf("SETTING_%d", i), "value": fmt.Sprintf("value-%d", i)})
	}
	probe := object{"httpGet": object{"path": "/ready", "port": 8080}, "periodSeconds": 1}
	return object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{
			"name":        fmt.Sprintf("pod-%05d", number),
			"labels":      object{"app": fmt.Sprintf("app-%d", number%50), "pod-template-hash": "6c5d9c8f7b"},
			"annotations": object{"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
		},
		"spec": object{
			"schedulerName": "nobody",
			"containers": []object{{
				"name": "app", "image": "registry.example.com/shop/app:1.2.3", "env": env,
				"ports": []object{{"containerPort": 8080}}, "readinessProbe": probe, "livenessProbe": probe,
				"resources": object{"requests": object{"cpu": "100m", "memory": "128Mi"}},
				"lifecycle": object{"preStop": object{"sleep": object{"seconds": 5}}},
			}},
		},
	}
}

// each runs one job after the other on some workers, at a rate (0: as fast as they go).
func each(jobs int, rate float64, job func(int) error) object {
	var failed, done, latest atomic.Int64
	queue := make(chan int, jobs)
	var workers sync.WaitGroup
	began := time.Now()
	due := func(number int) time.Time {
		if rate == 0 {
			return began
		}
		return began.Add(time.Duration(float64(number) / rate * float64(time.Second)))
	}
	for range 32 {
		workers.Go(func() {
			for number := range queue {
				if err := job(number); err != nil {
					if failed.Add(1) < 5 {
						fmt.Fprintln(os.Stderr, err)
					}
					continue
				}
				done.Add(1)
				if late := time.Since(due(number)); rate != 0 && int64(late) > latest.Load() {
					latest.Store(int64(late))
				}
			}
		})
	}
	for number := range jobs {
		time.Sleep(time.Until(due(number)))
		queue <- number
	}
	close(queue)
	workers.Wait()
	return object{
		"asked": jobs, "answered": done.Load(), "failed": failed.Load(),
		"seconds": time.Since(began).Seconds(), "late_s": time.Duration(latest.Load()).Seconds(),
	}
}

func main() {
	toMake := flag.Int("make", 0, "how many pods to make")
	toChange := flag.Int("change", 0, "of how many pods to change an annotation, in turn")
	rate := flag.Float64("rate", 1000, "changes a second")
	lasts := flag.Duration("for", 10*time.Second, "how long to change them")
	flag.Parse()
	connect()
	var said object
	if *toMake > 0 {
		namespace := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "churn"}}
		check(send("POST", "/api/v1/namespaces", "application/json", namespace))
		account := "/api/v1/namespaces/churn/serviceaccounts"
		for send("GET", account+"/default", "application/json", nil) != nil {
			time.Sleep(100 * time.Millisecond)
		}
		said = each(*toMake, 0, func(number int) error { return send("POST", home, "application/json", pod(number)) })
	}
	if *toChange > 0 {
		said = each(int(*rate*lasts.Seconds()), *rate, func(number int) error {
			patch := object{"metadata": object{"annotations": object{"example.com/changed": fmt.Sprint(number)}}}
			path := fmt.Sprintf("%s/pod-%05d", home, number%*toChange)
			return send("PATCH", path, "application/merge-patch+json", patch)
		})
	}
	check(json.NewEncoder(os.Stdout).Encode(said))
}
