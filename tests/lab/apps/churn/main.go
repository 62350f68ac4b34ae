// churn changes many objects of a cluster at a steady rate: pods that no scheduler takes, so that nothing else
// touches them.
//
//	churn -make 5000                       makes them, in namespace churn
//	churn -change 5000 -rate 1000 -for 60s changes an annotation of one after the other
//	churn -change … -behind                writes the changes into etcd: two processors cannot take 1 000 patches a second
//	                                       and tell of them too. The API server reads and tells of them as of any other
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

// mark is an annotation of all pods whose value is as long as what it is changed to.
const mark = "example.com/changed"
const unchanged = "0000000000"

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
			"annotations": object{"prometheus.io/scrape": "true", "prometheus.io/port": "9090", mark: unchanged},
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

func etcd(call string, body object, answer any) error {
	data, err := json.Marshal(body)
	check(err)
	got, err := client.Post("http://127.0.0.1:2379/v3/kv/"+call, "application/json", bytes.NewReader(data))
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd %s: %s", call, got.Status)
	}
	return json.NewDecoder(got.Body).Decode(answer)
}

type pair struct{ Key, Value []byte }

// stored reads all pods as etcd has them, and where the value of the annotation is in each.
func stored() (pairs []pair, places []int) {
	first, last := []byte("/registry/pods/churn/"), []byte("/registry/pods/churn0")
	for {
		var found struct {
			Kvs  []pair
			More bool
		}
		check(etcd("range", object{"key": first, "range_end": last, "limit": "500"}, &found))
		for _, each := range found.Kvs {
			at := bytes.Index(each.Value, append([]byte(mark), 0x12, byte(len(unchanged))))
			if at < 0 {
				check(fmt.Errorf("%s has no %s", each.Key, mark))
			}
			pairs, places = append(pairs, each), append(places, at+len(mark)+2)
		}
		if !found.More {
			return
		}
		first = append(found.Kvs[len(found.Kvs)-1].Key, 0)
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
	isBehind := flag.Bool("behind", false, "write the changes into etcd and not to the API server")
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
	if *toChange > 0 && *isBehind {
		pairs, places := stored()
		said = each(int(*rate*lasts.Seconds()), *rate, func(number int) error {
			at := number % len(pairs)
			value := bytes.Clone(pairs[at].Value)
			copy(value[places[at]:], fmt.Sprintf("%010d", number))
			return etcd("put", object{"key": pairs[at].Key, "value": value}, &object{})
		})
	} else if *toChange > 0 {
		said = each(int(*rate*lasts.Seconds()), *rate, func(number int) error {
			patch := object{"metadata": object{"annotations": object{mark: fmt.Sprintf("%010d", number)}}}
			path := fmt.Sprintf("%s/pod-%05d", home, number%*toChange)
			return send("PATCH", path, "application/merge-patch+json", patch)
		})
	}
	check(json.NewEncoder(os.Stdout).Encode(said))
}
