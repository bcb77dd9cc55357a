/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measuring programs share: TCP sockets by numeric address of either family, a clock, and
 * the summary of a series of times. Each program is client and server in one; a failed call ends it.
 */
#pragma once

#include <err.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline struct addrinfo *numeric_address(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *address;
	int error = getaddrinfo(host, port, &hints, &address);

	if (error)
		errx(2, "%s port %s: %s", host, port, gai_strerror(error));
	return address;
}

static inline int stream_socket(const struct addrinfo *address)
{
	int socket_fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (socket_fd < 0)
		err(1, "socket");
	return socket_fd;
}

static inline int listen_on(const char *host, const char *port)
{
	struct addrinfo *address = numeric_address(host, port);
	int socket_fd = stream_socket(address);
	int yes = 1;

	setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(socket_fd, address->ai_addr, address->ai_addrlen))
		err(1, "bind %s port %s", host, port);
	if (listen(socket_fd, 1024))
		err(1, "listen");
	freeaddrinfo(address);
	return socket_fd;
}

/* True unless the peer closed or reset the connection. */
static inline bool exchange_byte(int socket_fd)
{
	char byte = 'x';

	return write(socket_fd, &byte, 1) == 1 && read(socket_fd, &byte, 1) == 1;
}

static inline void send_without_delay(int socket_fd)
{
	int yes = 1;

	setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static inline int compare_times(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* One line of JSON: `{"count":..,"perSecond":..,"p50Ns":..,"p90Ns":..,"p99Ns":..}`. Sorts `times`. */
static inline void print_summary(uint64_t *times, size_t count, uint64_t elapsed_ns)
{
	qsort(times, count, sizeof(*times), compare_times);
	printf("{\"count\":%zu,\"perSecond\":%.1f,\"p50Ns\":%llu,\"p90Ns\":%llu,\"p99Ns\":%llu}\n",
	       count, (double)count * 1e9 / (double)elapsed_ns,
	       (unsigned long long)times[count / 2], (unsigned long long)times[count * 9 / 10],
	       (unsigned long long)times[count * 99 / 100]);
}

static inline size_t parse_count(const char *text)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (*end || count == 0 || count > 10000000)
		errx(2, "%s is not a count (1-10000000)", text);
	return count;
}

static inline uint64_t *room_for(size_t count)
{
	uint64_t *times = calloc(count, sizeof(*times));

	if (!times)
		err(1, "calloc");
	return times;
}
