/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measuring programs share: a client and a server, each in a namespace and on a processor
 * of its own, for one short measurement.
 *
 *   PROGRAM SERVER-NAMESPACE ADDRESS CLIENT-CPU SERVER-CPU AMOUNT     (arguments.h)
 *
 * The client stays in the namespace it is started in. The server is its child, listens on a port
 * that is free, and ends with it. A failed call ends the program; the result is one line of JSON.
 */
#pragma once

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "arguments.h"

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
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

/* Where connection number `turn` goes: to the server, or to its Services in turn. */
static inline struct sockaddr_in destination(const struct pair *pair, uint64_t turn)
{
	struct sockaddr_in to = pair->service;

	if (!to.sin_port)
		return pair->address;
	to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + (uint32_t)(turn % pair->services));
	return to;
}

static inline int unconnected_socket(int type)
{
	int socket_fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (socket_fd < 0)
		err(1, "socket");
	leave_unpaced(socket_fd, type);
	return socket_fd;
}

static inline void connect_to(int socket_fd, struct sockaddr_in to)
{
	if (connect(socket_fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
}

static inline int connected_socket(const struct pair *pair, int type)
{
	int socket_fd = unconnected_socket(type);

	connect_to(socket_fd, destination(pair, 0));
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
