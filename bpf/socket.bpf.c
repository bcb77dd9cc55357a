/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs at the sockets of a cgroup's processes. They lead a connection or a datagram from a
 * Service to one of its backends before there is a packet, and show the Service to the process.
 *
 * TCP of all processes. UDP only of those in the node's network namespace: a pod's datagrams meet a
 * program that selects a backend for each flow (pod.bpf.c), so that no socket of a pod keeps a
 * backend that was removed.
 */
#include "socket-address.h"
#include "socket-memory.h"
#include "socket-service.h"

/* Returns false if the packets of the socket have to meet another program instead, or none. */
static __always_inline bool begin_call(struct bpf_sock_addr *sock, struct socket_call *call)
{
	if (!services_on)
		return false;
	*call = (struct socket_call){.protocol = sock->protocol, .is_node = is_in_node(sock)};
	if (call->protocol != IPPROTO_TCP && call->protocol != IPPROTO_UDP)
		return false;
	if (!call->is_node && (call->protocol == IPPROTO_UDP || !pod_sockets_on))
		return false;
	call->cookie = bpf_get_socket_cookie(sock);
	return true;
}

SEC("cgroup/connect4")
int sock_connect4(struct bpf_sock_addr *sock)
{
	struct socket_call call;
	int result;

	if (!begin_call(sock, &call))
		return CALL_GOES_ON;
	call.destination = read_ipv4(sock);
	result = lead_connection(sock, &call);
	if (call.is_led)
		write_ipv4(sock, &call.destination);
	return result;
}

SEC("cgroup/connect6")
int sock_connect6(struct bpf_sock_addr *sock)
{
	struct socket_call call;
	int result;

	if (!begin_call(sock, &call))
		return CALL_GOES_ON;
	call.destination = read_ipv6(sock);
	result = lead_connection(sock, &call);
	if (call.is_led)
		write_ipv6(sock, &call.destination);
	return result;
}

SEC("cgroup/sendmsg4")
int sock_sendmsg4(struct bpf_sock_addr *sock)
{
	struct socket_call call;
	int result;

	if (!begin_call(sock, &call))
		return CALL_GOES_ON;
	call.destination = read_ipv4(sock);
	result = lead_datagram(sock, &call);
	if (call.is_led)
		write_ipv4(sock, &call.destination);
	return result;
}

/* IPv4 addresses in mapped form meet the program before this one. */
SEC("cgroup/sendmsg6")
int sock_sendmsg6(struct bpf_sock_addr *sock)
{
	struct socket_call call;
	int result;

	if (!begin_call(sock, &call))
		return CALL_GOES_ON;
	call.destination = read_ipv6(sock);
	result = lead_datagram(sock, &call);
	if (call.is_led)
		write_ipv6(sock, &call.destination);
	return result;
}

/*
 * Replaces the source of a datagram with what the process knows. Its socket may have been connected
 * to a Service before.
 */
static __always_inline bool shows_source(struct bpf_sock_addr *sock, struct socket_address *shown)
{
	const struct bpf_sock *state = sock->sk;
	__u64 cookie;

	if (!services_on || !is_in_node(sock))
		return false;
	cookie = bpf_get_socket_cookie(sock);
	if (state && state->state == BPF_TCP_ESTABLISHED)
		return show_peer(cookie, shown);
	return show_source(cookie, shown);
}

SEC("cgroup/recvmsg4")
int sock_recvmsg4(struct bpf_sock_addr *sock)
{
	struct socket_address shown = read_ipv4(sock);

	if (shows_source(sock, &shown))
		write_ipv4(sock, &shown);
	return CALL_GOES_ON;
}

SEC("cgroup/recvmsg6")
int sock_recvmsg6(struct bpf_sock_addr *sock)
{
	struct socket_address shown = read_ipv6(sock);

	if (shows_source(sock, &shown))
		write_ipv6(sock, &shown);
	return CALL_GOES_ON;
}

SEC("cgroup/getpeername4")
int sock_getpeer4(struct bpf_sock_addr *sock)
{
	struct socket_address shown = read_ipv4(sock);

	if (services_on && show_peer(bpf_get_socket_cookie(sock), &shown))
		write_ipv4(sock, &shown);
	return CALL_GOES_ON;
}

SEC("cgroup/getpeername6")
int sock_getpeer6(struct bpf_sock_addr *sock)
{
	struct socket_address shown = read_ipv6(sock);

	if (services_on && show_peer(bpf_get_socket_cookie(sock), &shown))
		write_ipv6(sock, &shown);
	return CALL_GOES_ON;
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *sock)
{
	__u64 cookie;

	if (!services_on)
		return CALL_GOES_ON;
	cookie = bpf_get_socket_cookie(sock);
	forget_peer(cookie);
	if (sock->protocol == IPPROTO_UDP)
		forget_datagrams(cookie);
	return CALL_GOES_ON;
}
