/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of one byte on one TCP connection for AMOUNT milliseconds. Prints their times.
 */
#include "pair.h"

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

static int compare_times(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static void exchange(int connection)
{
	if (!exchange_byte(connection))
		err(1, "one byte each way");
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc, argv);
	size_t room = pair.amount * MOST_A_MILLISECOND + 1;
	uint32_t *times = calloc(room, sizeof(*times));
	uint64_t before, end;
	size_t count = 0;
	int connection;

	if (!times)
		err(1, "calloc");
	start_server(&pair, SOCK_STREAM, serve);
	connection = connected_socket(&pair, SOCK_STREAM);
	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	discard_on_close(connection);
	for (int i = 0; i < WARM_UP; i++)
		exchange(connection);
	before = now_ns();
	end = before + pair.amount * 1000000;
	while (before < end && count < room) {
		uint64_t after;

		exchange(connection);
		after = now_ns();
		times[count++] = (uint32_t)(after - before);
		before = after;
	}
	if (count == 0)
		errx(1, "no time for a round trip");
	qsort(times, count, sizeof(*times), compare_times);
	printf("{\"count\":%zu,\"p50Ns\":%u,\"p99Ns\":%u}\n", count, times[count / 2],
	       times[count * 99 / 100]);
	return 0;
}
