/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The address and port in a process's system call: a destination, the source of a datagram, or a
 * peer. A program at an IPv4 hook sees an IPv4 address even of an IPv6 socket; one at an IPv6 hook
 * sees what the process sees, which may be an IPv4 address in mapped form.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "shared.h"

struct socket_address {
	struct address address;
	__be16 port;
};

/* A call that names a destination. */
struct socket_call {
	struct socket_address destination; /* as the process gave it, then the backend */
	__u64 cookie; /* of the socket */
	__u8 protocol;
	bool is_node; /* the socket is in the node's network namespace */
	bool is_led; /* `destination` is a backend now, and has to be written */
};

static __always_inline struct socket_address read_ipv4(struct bpf_sock_addr *sock)
{
	return (struct socket_address){
		.address = {{0, 0, bpf_htonl(0xffff), sock->user_ip4}},
		.port = sock->user_port,
	};
}

static __always_inline struct socket_address read_ipv6(struct bpf_sock_addr *sock)
{
	return (struct socket_address){
		.address = {{sock->user_ip6[0], sock->user_ip6[1], sock->user_ip6[2],
			     sock->user_ip6[3]}},
		.port = sock->user_port,
	};
}

static __always_inline void write_ipv4(struct bpf_sock_addr *sock, const struct socket_address *to)
{
	sock->user_ip4 = to->address.word[3];
	sock->user_port = to->port;
}

static __always_inline void write_ipv6(struct bpf_sock_addr *sock, const struct socket_address *to)
{
	sock->user_ip6[0] = to->address.word[0];
	sock->user_ip6[1] = to->address.word[1];
	sock->user_ip6[2] = to->address.word[2];
	sock->user_ip6[3] = to->address.word[3];
	sock->user_port = to->port;
}
