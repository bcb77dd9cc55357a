/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink with nothing around it: messages are written one behind the other into one buffer, go
 * out in one send, and every acknowledgement is read. A refusal ends the program.
 */
#pragma once

#include <err.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct batch {
	int socket_fd;
	uint32_t count; /* of messages, which are numbered from 1 */
	size_t length;
	size_t last; /* where the message begins that is being written */
	bool gone_is_fine; /* what it is about may have been deleted meanwhile */
	char bytes[8192] __attribute__((aligned(4)));
};

static inline int open_rtnetlink(void)
{
	int one = 1;
	int socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (socket_fd < 0)
		err(1, "netlink socket");
	/* Refused messages are not sent back whole. */
	if (setsockopt(socket_fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)))
		err(1, "NETLINK_CAP_ACK");
	return socket_fd;
}

static inline void put(struct batch *batch, const void *bytes, size_t length)
{
	size_t padded = (length + 3) & ~(size_t)3;

	if (batch->length + padded > sizeof(batch->bytes))
		errx(1, "the batch is full");
	memset(batch->bytes + batch->length, 0, padded);
	memcpy(batch->bytes + batch->length, bytes, length);
	batch->length += padded;
	((struct nlmsghdr *)(batch->bytes + batch->last))->nlmsg_len =
		(uint32_t)(batch->length - batch->last);
}

/* Begins a message with its family's header; what is put afterwards belongs to it. */
static inline void begin(struct batch *batch, uint16_t type, uint16_t flags, const void *header,
			 size_t header_length)
{
	struct nlmsghdr message = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
		.nlmsg_seq = ++batch->count,
	};

	batch->last = batch->length;
	put(batch, &message, sizeof(message));
	put(batch, header, header_length);
}

static inline void put_attribute(struct batch *batch, uint16_t type, const void *value,
				 size_t length)
{
	struct rtattr attribute = {
		.rta_len = (uint16_t)(sizeof(attribute) + length),
		.rta_type = type,
	};

	put(batch, &attribute, sizeof(attribute));
	put(batch, value, length);
}

static inline void put_u32(struct batch *batch, uint16_t type, uint32_t value)
{
	put_attribute(batch, type, &value, sizeof(value));
}

static inline void put_text(struct batch *batch, uint16_t type, const char *text)
{
	put_attribute(batch, type, text, strlen(text) + 1);
}

/* Begins an attribute that holds others; its place goes to `end_nest`. */
static inline size_t begin_nest(struct batch *batch, uint16_t type)
{
	size_t place = batch->length;

	put_attribute(batch, type | NLA_F_NESTED, NULL, 0);
	return place;
}

static inline void end_nest(struct batch *batch, size_t place)
{
	((struct rtattr *)(batch->bytes + place))->rta_len = (uint16_t)(batch->length - place);
}

static inline void check(const struct batch *batch, const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = NLMSG_DATA(message);

	if (!answer->error || (answer->error == -ENODEV && batch->gone_is_fine))
		return;
	errno = -answer->error;
	err(1, "netlink message %u of %u", message->nlmsg_seq, batch->count);
}

/* Sends all and waits until the last is acknowledged. The first other answer, if any, is copied to
 * `answer` (of `size` bytes). */
static inline void perform(struct batch *batch, void *answer, size_t size)
{
	char received[16384];
	uint32_t missing = batch->count;

	if (send(batch->socket_fd, batch->bytes, batch->length, 0) < 0)
		err(1, "netlink send");
	while (missing) {
		ssize_t got = recv(batch->socket_fd, received, sizeof(received), 0);
		struct nlmsghdr *message = (struct nlmsghdr *)received;

		if (got < 0)
			err(1, "netlink recv");
		for (; NLMSG_OK(message, got); message = NLMSG_NEXT(message, got)) {
			if (message->nlmsg_type == NLMSG_ERROR) {
				check(batch, message);
				missing--;
			} else if (answer && message->nlmsg_len <= size) {
				memcpy(answer, message, message->nlmsg_len);
				answer = NULL;
			}
		}
	}
}
