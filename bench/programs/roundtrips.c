/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of one byte on one TCP connection for AMOUNT milliseconds. Prints their rate and
 * their times.
 */
#include "times.h"

enum {
	WARM_UP = 500,
	MOST_A_MILLISECOND = 1000,
};

static void serve(int listener)
{
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char byte;

	while (read(connection, &byte, 1) == 1)
		if (write(connection, &byte, 1) != 1)
			break;
}

static void exchange(int connection)
{
	if (!exchange_byte(connection))
		err(1, "one byte each way");
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc, argv);
	struct times times = times_for(pair.amount * MOST_A_MILLISECOND);
	struct cpu_clocks clocks = cpu_clocks(start_server(&pair, SOCK_STREAM, serve));
	int connection = connected_socket(&pair, SOCK_STREAM);
	uint64_t began, before, end, spent;

	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	discard_on_close(connection);
	for (int i = 0; i < WARM_UP; i++)
		exchange(connection);
	spent = cpu_ns(&clocks);
	began = before = now_ns();
	end = began + pair.amount * 1000000;
	while (before < end && times.count < times.room) {
		uint64_t after;

		exchange(connection);
		after = now_ns();
		add_time(&times, after - before);
		before = after;
	}
	print_times(&times, before - began, cpu_ns(&clocks) - spent);
	return 0;
}
