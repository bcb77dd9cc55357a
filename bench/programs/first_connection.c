/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects again and again until it gets the wanted answer, and prints when (CLOCK_MONOTONIC,
 * nanoseconds). Prints `waiting` after the first attempt that gets another one.
 *
 *   first_connection SERVER-NAMESPACE ADDRESS CLIENT-CPU SERVER-CPU MILLISECONDS accepted|refused
 *
 * Fails after MILLISECONDS. Refused are a few attempts in a row that are not accepted immediately: an
 * ICMP error that arrives during connect() has no effect before the SYN is sent again, a second later.
 */
#include "pair.h"

enum {
	PAUSE_NS = 200000,
	MOST_A_CONNECTION_MS = 8,
	REFUSED_IN_A_ROW = 3,
};

static void serve(int listener)
{
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		/* The client may have reset it already. */
		if (connection >= 0)
			close(connection);
	}
}

static bool is_accepted(struct sockaddr_in to)
{
	int socket_fd = unconnected_socket(SOCK_STREAM);
	struct timeval most = {.tv_usec = MOST_A_CONNECTION_MS * 1000};
	bool accepted;

	if (setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)))
		err(1, "timeout");
	discard_on_close(socket_fd);
	accepted = connect(socket_fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	close(socket_fd);
	return accepted;
}

static bool is_wanted(struct sockaddr_in to, bool accepted)
{
	if (accepted)
		return is_accepted(to);
	for (int i = 0; i < REFUSED_IN_A_ROW; i++)
		if (is_accepted(to))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct pair pair = parse_pair(argc - 1, argv);
	bool accepted = argc == 7 && strcmp(argv[6], "accepted") == 0;
	uint64_t end = now_ns() + pair.amount * 1000000;
	bool is_waiting = false;

	start_server(&pair, SOCK_STREAM, serve);
	while (now_ns() < end) {
		if (is_wanted(destination(&pair, 0), accepted)) {
			printf("%llu\n", (unsigned long long)now_ns());
			return 0;
		}
		if (!is_waiting) {
			puts("waiting");
			fflush(stdout);
			is_waiting = true;
		}
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	errx(1, "not %s within %s ms", argv[6], argv[5]);
}
