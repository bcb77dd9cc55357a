/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP stream for AMOUNT milliseconds: how many bytes arrive, until all have.
 */
#include "cpu.h"
#include "pair.h"

enum {
	CHUNK = 128 << 10,
};

static char chunk[CHUNK];

static void serve(int listener)
{
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	uint64_t bytes = 0;
	ssize_t got;

	while ((got = read(connection, chunk, sizeof(chunk))) > 0)
		bytes += (uint64_t)got;
	(void)!write(connection, &bytes, sizeof(bytes));
	pause();
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc, argv);
	struct cpu_clocks clocks = cpu_clocks(start_server(&pair, SOCK_STREAM, serve));
	int connection = connected_socket(&pair, SOCK_STREAM);
	uint64_t began = now_ns();
	uint64_t spent = cpu_ns(&clocks);
	uint64_t bytes;

	discard_on_close(connection);
	while (now_ns() - began < pair.amount * 1000000)
		if (write(connection, chunk, sizeof(chunk)) < 0)
			err(1, "write");
	shutdown(connection, SHUT_WR);
	if (read(connection, &bytes, sizeof(bytes)) != sizeof(bytes))
		errx(1, "no receipt");
	print_rate((double)bytes, now_ns() - began, cpu_ns(&clocks) - spent);
	return 0;
}
