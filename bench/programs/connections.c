/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMOUNT short connections, one after another: connect, one byte each way, close by reset. Prints
 * their rate and the times of connect(), which is how long the first packet of a connection and its
 * answer take.
 */
#include "times.h"

static void serve(int listener)
{
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		if (connection < 0)
			err(1, "accept");
		/* The second read waits for the client's close. */
		if (read(connection, &byte, 1) == 1 && write(connection, &byte, 1) == 1)
			(void)!read(connection, &byte, 1);
		close(connection);
	}
}

/* How long connect() takes. */
static uint64_t connect_once(const struct pair *pair, uint64_t turn)
{
	int connection = unconnected_socket(SOCK_STREAM);
	uint64_t began = now_ns(), ended;

	connect_to(connection, destination(pair, turn));
	ended = now_ns();
	discard_on_close(connection);
	if (!exchange_byte(connection))
		err(1, "one byte each way");
	close(connection);
	return ended - began;
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc, argv);
	struct cpu_clocks clocks = cpu_clocks(start_server(&pair, SOCK_STREAM, serve));
	struct times times = times_for(pair.amount);
	uint64_t began, spent;

	for (uint64_t i = 0; i < pair.amount / 20; i++)
		connect_once(&pair, i);
	began = now_ns();
	spent = cpu_ns(&clocks);
	for (uint64_t i = 0; i < pair.amount; i++)
		add_time(&times, connect_once(&pair, i));
	print_times(&times, now_ns() - began, cpu_ns(&clocks) - spent);
	return 0;
}
