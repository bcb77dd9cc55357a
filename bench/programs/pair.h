/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measuring programs share: a client and a server, each in a namespace and on a processor
 * of its own, for one short measurement.
 *
 *   PROGRAM SERVER-NAMESPACE ADDRESS CLIENT-CPU SERVER-CPU AMOUNT
 *
 * ADDRESS is the server's, or with a Service in front of it `ADDRESS:PORT,SERVICE:PORT`: the server
 * listens on that port, and the client uses the Service's address.
 *
 * The client stays in the namespace it is started in. The server is its child, listens on a port
 * that is free, and ends with it. A failed call ends the program; the result is one line of JSON.
 */
#pragma once

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct pair {
	const char *server_namespace;
	struct sockaddr_in address; /* of the server; its port is known once it listens */
	struct sockaddr_in service; /* in front of it; port 0: none */
	int client_cpu;
	int server_cpu;
	uint64_t amount; /* milliseconds or a count: the program knows */
};

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t parse_number(const char *text, uint64_t most)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text == 0 || *end || number > most)
		errx(2, "%s is not a number up to %llu", text, (unsigned long long)most);
	return number;
}

/* `ADDRESS` or `ADDRESS:PORT`. Changes `text`. */
static inline struct sockaddr_in parse_address(char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char *port = strchr(text, ':');

	if (port) {
		*port++ = 0;
		address.sin_port = htons((uint16_t)parse_number(port, 65535));
	}
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		errx(2, "%s is not an IPv4 address", text);
	return address;
}

static inline struct pair parse_pair(int argc, char **argv)
{
	struct pair pair = {};
	char *service;

	if (argc != 6)
		errx(2, "usage: %s SERVER-NAMESPACE ADDRESS CLIENT-CPU SERVER-CPU AMOUNT", argv[0]);
	pair.server_namespace = argv[1];
	service = strchr(argv[2], ',');
	if (service) {
		*service++ = 0;
		pair.service = parse_address(service);
	}
	pair.address = parse_address(argv[2]);
	pair.client_cpu = (int)parse_number(argv[3], CPU_SETSIZE - 1);
	pair.server_cpu = (int)parse_number(argv[4], CPU_SETSIZE - 1);
	pair.amount = parse_number(argv[5], 10000000);
	return pair;
}

static inline void enter_namespace(const char *path)
{
	int namespace_fd = open(path, O_RDONLY | O_CLOEXEC);

	if (namespace_fd < 0 || setns(namespace_fd, CLONE_NEWNET))
		err(1, "%s", path);
	close(namespace_fd);
}

static inline void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "processor %d", cpu);
}

/*
 * Some machines' default paces (BBR): its timers and its guesses of the bandwidth would be measured
 * instead of the path.
 */
static inline void leave_unpaced(int socket_fd, int type)
{
	if (type == SOCK_STREAM && setsockopt(socket_fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4))
		err(1, "congestion control reno");
}

/* A socket of this namespace, bound to the server's address and a free port. */
static inline int bound_socket(struct pair *pair, int type)
{
	socklen_t length = sizeof(pair->address);
	int socket_fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (socket_fd < 0)
		err(1, "socket");
	setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	leave_unpaced(socket_fd, type);
	if (bind(socket_fd, (struct sockaddr *)&pair->address, length))
		err(1, "bind");
	if (getsockname(socket_fd, (struct sockaddr *)&pair->address, &length))
		err(1, "getsockname");
	return socket_fd;
}

/* Runs `serve` on a bound socket in a child, and returns it once clients may come. */
static inline pid_t start_server(struct pair *pair, int type, void (*serve)(int socket_fd))
{
	int ready[2];
	pid_t child;

	if (pipe2(ready, O_CLOEXEC))
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		int socket_fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter_namespace(pair->server_namespace);
		pin_to(pair->server_cpu);
		socket_fd = bound_socket(pair, type);
		if (type == SOCK_STREAM && listen(socket_fd, 1024))
			err(1, "listen");
		if (write(ready[1], &pair->address.sin_port, 2) == 2)
			serve(socket_fd);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &pair->address.sin_port, 2) != 2)
		errx(1, "the server did not start");
	close(ready[0]);
	pin_to(pair->client_cpu);
	return child;
}

static inline int connected_socket(const struct pair *pair, int type)
{
	const struct sockaddr_in *to = pair->service.sin_port ? &pair->service : &pair->address;
	int socket_fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (socket_fd < 0)
		err(1, "socket");
	leave_unpaced(socket_fd, type);
	if (connect(socket_fd, (const struct sockaddr *)to, sizeof(*to)))
		err(1, "connect");
	return socket_fd;
}

/* Closes by reset: no TIME-WAIT, so that there can be any number of connections. */
static inline void discard_on_close(int socket_fd)
{
	struct linger discard = {.l_onoff = 1, .l_linger = 0};

	setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &discard, sizeof(discard));
}

/* True unless the peer closed or reset the connection. */
static inline bool exchange_byte(int socket_fd)
{
	char byte = 'x';

	return write(socket_fd, &byte, 1) == 1 && read(socket_fd, &byte, 1) == 1;
}
