/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compiles, and the verifier must refuse it: it reads the packet without a look at where it ends. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int careless(struct __sk_buff *skb)
{
	const char *data = (const char *)(long)skb->data;

	return data[40];
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
