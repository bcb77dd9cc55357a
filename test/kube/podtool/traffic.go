package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	pace = 200 * time.Millisecond
	// Of an exchange. Long, so that what is lost was lost by the network: the machine may be busy.
	answer = 10 * time.Second
)

// What happened on one way to one target. An exchange is a line sent and a line come back within `answer`.
type tally struct {
	sync.Mutex
	Target string `json:"target"`
	// "kept": one connection for all exchanges; "new": one for each.
	Way  string `json:"way"`
	Done int    `json:"done"`
	Lost int    `json:"lost"`
	// Of the exchanges since the last report.
	SlowestMs int64 `json:"slowestMs"`
	// Of the first ten that were lost.
	Errors []string `json:"errors"`
}

// Exchanges lines with every target, `tcp:HOST:PORT` or `udp:HOST:PORT`, and tells at http://LISTEN/ what became of them.
func traffic(listen string, targets []string) error {
	var tallies []*tally
	for _, target := range targets {
		network, address, _ := strings.Cut(target, ":")
		kept := &tally{Target: target, Way: "kept", Errors: []string{}}
		fresh := &tally{Target: target, Way: "new", Errors: []string{}}
		tallies = append(tallies, kept, fresh)
		go exchangeOnOne(network, address, kept)
		go exchangeOnNew(network, address, fresh)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { report(w, tallies) })
	return http.ListenAndServe(listen, nil)
}

func report(w http.ResponseWriter, tallies []*tally) {
	for _, each := range tallies {
		each.Lock()
		defer each.Unlock()
	}
	json.NewEncoder(w).Encode(tallies)
	for _, each := range tallies {
		each.SlowestMs = 0
	}
}

// Opens another connection only when this one is lost.
func exchangeOnOne(network, address string, count *tally) {
	for ; ; time.Sleep(pace) {
		connection, err := net.DialTimeout(network, address, answer)
		if err != nil {
			count.add(time.Now(), err)
			continue
		}
		for err == nil {
			began := time.Now()
			err = exchange(connection)
			count.add(began, err)
			time.Sleep(pace)
		}
		connection.Close()
	}
}

func exchangeOnNew(network, address string, count *tally) {
	for ; ; time.Sleep(pace) {
		began := time.Now()
		connection, err := net.DialTimeout(network, address, answer)
		if err == nil {
			err = exchange(connection)
			connection.Close()
		}
		count.add(began, err)
	}
}

func exchange(connection net.Conn) error {
	connection.SetDeadline(time.Now().Add(answer))
	if _, err := fmt.Fprintln(connection, time.Now().UnixNano()); err != nil {
		return err
	}
	_, err := bufio.NewReader(connection).ReadString('\n')
	return err
}

func (t *tally) add(began time.Time, err error) {
	t.Lock()
	defer t.Unlock()
	t.Done++
	t.SlowestMs = max(t.SlowestMs, time.Since(began).Milliseconds())
	if err == nil {
		return
	}
	t.Lost++
	if len(t.Errors) < 10 {
		t.Errors = append(t.Errors, fmt.Sprintf("%s: %v", time.Now().UTC().Format(time.TimeOnly), err))
	}
}
