// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The least that a pod network on veth pairs can do: redirect IPv4, and nothing else. What it costs
 * beyond its baseline is the price of the pod's veth pair; what we cost beyond it is ours.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	NEXT = -1,
	IPV4_FAMILY = 2, /* AF_INET: its header drags in the C library */
};

const volatile __u32 target_ifindex; /* where to */
const volatile __be32 pod; /* to_pod: whose packets; the rest goes up the stack */
const volatile __be32 next_hop; /* to_next_hop: the neighbour's address */

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	const struct iphdr *ip = data + sizeof(struct ethhdr);

	if (skb->protocol != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > (void *)(long)skb->data_end)
		return NEXT;
	return ip->daddr == pod ? bpf_redirect_peer(target_ifindex, 0) : NEXT;
}

SEC("tc")
int to_next_hop(struct __sk_buff *skb)
{
	struct bpf_redir_neigh neighbour = {.nh_family = IPV4_FAMILY, .ipv4_nh = next_hop};

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return NEXT;
	return bpf_redirect_neigh(target_ifindex, &neighbour, sizeof(neighbour), 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
