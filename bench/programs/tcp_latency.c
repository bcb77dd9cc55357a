/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of one byte over one TCP connection.
 *
 *   tcp_latency server ADDRESS PORT            serves connections one after another, until killed
 *   tcp_latency client ADDRESS PORT COUNT      prints one line of JSON
 *
 * Pin both ends to one CPU to see the cost of the path: on two, the wake-up of an idle CPU hides it.
 */
#include "stream.h"

static void serve(const char *host, const char *port)
{
	int listener = listen_on(host, port);

	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		if (connection < 0)
			err(1, "accept");
		send_without_delay(connection);
		while (read(connection, &byte, 1) == 1 && write(connection, &byte, 1) == 1)
			;
		close(connection);
	}
}

static void measure(const char *host, const char *port, size_t count)
{
	struct addrinfo *address = numeric_address(host, port);
	int connection = stream_socket(address);
	uint64_t *times = room_for(count);
	uint64_t begin;

	if (connect(connection, address->ai_addr, address->ai_addrlen))
		err(1, "connect %s port %s", host, port);
	send_without_delay(connection);
	for (size_t i = 0; i < count / 10; i++)
		exchange_byte(
			connection); /* warm caches, and TCP out of its quick acknowledgements */
	begin = now_ns();
	for (size_t i = 0; i < count; i++) {
		uint64_t sent = now_ns();

		if (!exchange_byte(connection))
			err(1, "round trip %zu", i);
		times[i] = now_ns() - sent;
	}
	print_summary(times, count, now_ns() - begin);
	free(times);
	freeaddrinfo(address);
	close(connection);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "server") == 0)
		serve(argv[2], argv[3]);
	else if (argc == 5 && strcmp(argv[1], "client") == 0)
		measure(argv[2], argv[3], parse_count(argv[4]));
	else
		errx(2, "usage: tcp_latency server ADDRESS PORT | client ADDRESS PORT COUNT");
	return 0;
}
