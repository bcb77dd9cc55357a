/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short connections, one after another: connect, one byte each way, close.
 *
 *   connrate server ADDRESS PORT               serves until killed
 *   connrate client ADDRESS PORT COUNT rst     closes by reset: no TIME-WAIT, any COUNT
 *   connrate client ADDRESS PORT COUNT fin     closes in order: COUNT below the number of local ports
 *
 * The client prints one line of JSON; its times are those of whole connections.
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
		/* The second read waits for the client's close. */
		if (read(connection, &byte, 1) == 1 && write(connection, &byte, 1) == 1)
			(void)!read(connection, &byte, 1);
		close(connection);
	}
}

static void connect_once(const struct addrinfo *address, bool reset)
{
	struct linger discard = {.l_onoff = 1, .l_linger = 0};
	int connection = stream_socket(address);

	if (reset)
		setsockopt(connection, SOL_SOCKET, SO_LINGER, &discard, sizeof(discard));
	if (connect(connection, address->ai_addr, address->ai_addrlen))
		err(1, "connect");
	if (!exchange_byte(connection))
		err(1, "one byte each way");
	close(connection);
}

static void measure(struct addrinfo *address, size_t count, bool reset)
{
	uint64_t *times = room_for(count);
	uint64_t begin;

	for (size_t i = 0; i < count / 20; i++)
		connect_once(address, reset);
	begin = now_ns();
	for (size_t i = 0; i < count; i++) {
		uint64_t started = now_ns();

		connect_once(address, reset);
		times[i] = now_ns() - started;
	}
	print_summary(times, count, now_ns() - begin);
	free(times);
	freeaddrinfo(address);
}

static bool parse_close(const char *text)
{
	if (strcmp(text, "rst") && strcmp(text, "fin"))
		errx(2, "%s is no way to close (rst, fin)", text);
	return strcmp(text, "rst") == 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "server") == 0)
		serve(argv[2], argv[3]);
	else if (argc == 6 && strcmp(argv[1], "client") == 0)
		measure(numeric_address(argv[2], argv[3]), parse_count(argv[4]),
			parse_close(argv[5]));
	else
		errx(2, "usage: connrate server ADDRESS PORT | client ADDRESS PORT COUNT rst|fin");
	return 0;
}
