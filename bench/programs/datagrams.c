/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP datagrams of 64 bytes for AMOUNT milliseconds: how many arrive.
 *
 * On one processor one process has both sockets and takes turns, a burst each way: no wake-up is in
 * it and nothing is lost, so that it shows what the path costs. On two the sender never waits.
 */
#include <sys/mman.h>
#include "cpu.h"
#include "pair.h"

enum {
	DATAGRAM_BYTES = 64,
	BURST = 64, /* fits the default receive buffer */
};

static char datagram[DATAGRAM_BYTES];
static volatile uint64_t *arrived;

static void receive_all(int socket_fd)
{
	while (recv(socket_fd, datagram, sizeof(datagram), 0) >= 0)
		++*arrived;
}

static int server_socket(struct pair *pair)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int socket_fd;

	enter_namespace(pair->server_namespace);
	socket_fd = bound_socket(pair, SOCK_DGRAM);
	if (setns(own, CLONE_NEWNET))
		err(1, "back into the client's namespace");
	close(own);
	return socket_fd;
}

/* Into a full queue if need be: what does not arrive does not count. */
static void send_burst(int client)
{
	for (int i = 0; i < BURST; i++)
		(void)!send(client, datagram, sizeof(datagram), 0);
}

static void receive_burst(int server)
{
	struct timeval patience = {.tv_sec = 1};

	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < BURST; i++)
		if (recv(server, datagram, sizeof(datagram), 0) < 0)
			err(1, "datagram %d of a burst", i + 1);
	*arrived += BURST;
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc, argv);
	bool in_turn = pair.client_cpu == pair.server_cpu;
	uint64_t began, spent, already;
	struct cpu_clocks clocks;
	int client, server = -1;
	pid_t child = 0;

	arrived = mmap(NULL, sizeof(*arrived), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (arrived == MAP_FAILED)
		err(1, "mmap");
	pin_to(pair.client_cpu);
	if (in_turn)
		server = server_socket(&pair);
	else
		child = start_server(&pair, SOCK_DGRAM, receive_all);
	clocks = cpu_clocks(child);
	client = connected_socket(&pair, SOCK_DGRAM);
	/* The first of a flow finds neighbours and opens entries. */
	for (int i = 0; i < 2; i++) {
		send_burst(client);
		if (in_turn)
			receive_burst(server);
	}
	already = *arrived;
	began = now_ns();
	spent = cpu_ns(&clocks);
	while (now_ns() - began < pair.amount * 1000000) {
		send_burst(client);
		if (in_turn)
			receive_burst(server);
	}
	print_rate((double)(*arrived - already), now_ns() - began, cpu_ns(&clocks) - spent);
	return 0;
}
