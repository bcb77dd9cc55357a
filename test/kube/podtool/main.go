// What runs in the test cluster's pods: `podtool pause` holds a pod's namespaces, `podtool serve` answers HTTP, TCP, UDP
// and gRPC health checks, so that every kind of probe has something to ask. Static, one binary for both.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const usage = "usage: podtool pause | podtool serve (HTTP and UDP on 8080, TCP echo on 7, gRPC health on 9090)"

func main() {
	if len(os.Args) != 2 {
		log.Fatal(usage)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	switch os.Args[1] {
	case "pause":
		reapChildren()
	case "serve":
		serve()
	default:
		log.Fatal(usage)
	}
	<-stop
}

// The sandbox's first process inherits the orphans of a pod that shares its process namespace.
func reapChildren() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			for {
				if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
					break
				}
			}
		}
	}()
}

// What readiness says; `PUT /ready/false` makes every kind of probe fail until `PUT /ready/true`.
var ready atomic.Bool

func serve() {
	ready.Store(true)
	checks := health.NewServer()
	mux := http.NewServeMux()
	mux.HandleFunc("/", who)
	mux.HandleFunc("/ready", answerReady)
	mux.HandleFunc("PUT /ready/{state}", setReady(checks))
	mux.HandleFunc("/bytes/{count}", sendBytes)
	go func() { log.Fatal(http.ListenAndServe(":8080", mux)) }()
	go echoTCP()
	go echoUDP()
	go serveHealth(checks)
}

// `web-1 saw 10.201.1.5`: the same words as the lab's echo server, without the node.
func who(w http.ResponseWriter, r *http.Request) {
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintf(w, "%s saw %s\n", hostname(), peer)
}

func answerReady(w http.ResponseWriter, _ *http.Request) {
	if !ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, ready.Load())
}

func setReady(checks *health.Server) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		ready.Store(r.PathValue("state") == "true")
		status := grpc_health_v1.HealthCheckResponse_SERVING
		if !ready.Load() {
			status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		checks.SetServingStatus("", status)
	}
}

func sendBytes(w http.ResponseWriter, r *http.Request) {
	count, err := strconv.ParseInt(r.PathValue("count"), 10, 64)
	if err != nil || count < 0 {
		http.Error(w, "count is not a whole number", http.StatusBadRequest)
		return
	}
	io.CopyN(w, zeros{}, count)
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) {
	clear(into)
	return len(into), nil
}

func echoTCP() {
	listener, err := net.Listen("tcp", ":7")
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer connection.Close()
			io.Copy(connection, connection)
		}()
	}
}

func echoUDP() {
	socket, err := net.ListenPacket("udp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	for {
		_, peer, err := socket.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		socket.WriteTo([]byte(hostname()+" saw "+peer.String()+"\n"), peer)
	}
}

func serveHealth(checks *health.Server) {
	listener, err := net.Listen("tcp", ":9090")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, checks)
	log.Fatal(server.Serve(listener))
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(name)
}
