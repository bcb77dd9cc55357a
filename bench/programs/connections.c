/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMOUNT short connections, one after another: connect, one byte each way, close by reset.
 */
#include "cpu.h"
#include "pair.h"

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

static void connect_once(const struct pair *pair)
{
	int connection = connected_socket(pair, SOCK_STREAM);

	discard_on_close(connection);
	if (!exchange_byte(connection))
		err(1, "one byte each way");
	close(connection);
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc, argv);
	struct cpu_clocks clocks = cpu_clocks(start_server(&pair, SOCK_STREAM, serve));
	uint64_t began, spent;

	for (uint64_t i = 0; i < pair.amount / 20; i++)
		connect_once(&pair);
	began = now_ns();
	spent = cpu_ns(&clocks);
	for (uint64_t i = 0; i < pair.amount; i++)
		connect_once(&pair);
	print_rate((double)pair.amount, now_ns() - began, cpu_ns(&clocks) - spent);
	return 0;
}
