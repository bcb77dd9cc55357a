// What runs in the test cluster's pods: `podtool pause` holds a pod's namespaces, `podtool serve` answers HTTP, TCP, UDP
// and gRPC health checks, so that every kind of probe has something to ask, `podtool get` and `podtool lookup` ask,
// `podtool traffic` counts what is lost. Static, one binary for all. (The static busybox beside it resolves no names: its C library would have to load others.)
package main

import (
	"context"
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
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const usage = `usage:
  podtool pause                  wait for the end
  podtool serve                  HTTP and UDP on 8080, TCP echo on 7, gRPC health on 9090
  podtool get URL                what an HTTP server says; 5 s
  podtool lookup NAME [SERVER]   the addresses of a name, from the configured DNS server or from this one
  podtool traffic LISTEN TARGET...
                                 exchange lines with each tcp:HOST:PORT or udp:HOST:PORT; http://LISTEN/ counts the lost
`

const patience = 5 * time.Second

func main() {
	log.SetFlags(0)
	words := os.Args[1:]
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	switch {
	case len(words) == 1 && words[0] == "pause":
		reapChildren()
	case len(words) == 1 && words[0] == "serve":
		serve()
	case len(words) == 2 && words[0] == "get":
		check(get(words[1]))
		return
	case len(words) == 2 && words[0] == "lookup":
		check(lookup(net.DefaultResolver, words[1]))
		return
	case len(words) == 3 && words[0] == "lookup":
		check(lookup(resolverOf(words[2]), words[1]))
		return
	case len(words) > 2 && words[0] == "traffic":
		go func() { log.Fatal(traffic(words[1], words[2:])) }()
	default:
		log.Fatal(usage)
	}
	<-stop
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func get(url string) error {
	client := http.Client{Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 400 {
		return fmt.Errorf("get %s: %s", url, response.Status)
	}
	return nil
}

func lookup(resolver *net.Resolver, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	addresses, err := resolver.LookupHost(ctx, name)
	for _, address := range addresses {
		fmt.Println(address)
	}
	return err
}

func resolverOf(server string) *net.Resolver {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, net.JoinHostPort(server, "53"))
	}
	return &net.Resolver{PreferGo: true, Dial: dial}
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
	log.Print("listening: HTTP and UDP on 8080, TCP echo on 7, gRPC health on 9090")
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
