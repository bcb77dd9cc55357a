/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's network is made of, a message each: links, neighbours, routes and addresses of both
 * families, and the programs that all pods' interfaces share.
 */
#pragma once

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <net/if.h>

#include "rtnetlink.h"

enum block {
	INGRESS_BLOCK = 1,
	EGRESS_BLOCK = 2,
};

/* `which` family: 0 IPv4, 1 IPv6. */
static const struct {
	uint8_t family;
	uint8_t bytes;
} families[2] = {{AF_INET, 4}, {AF_INET6, 16}};

static inline void set_link(struct batch *batch, int index, unsigned int flags, const char *name)
{
	struct ifinfomsg header = {.ifi_index = index, .ifi_flags = flags, .ifi_change = IFF_UP};

	begin(batch, RTM_NEWLINK, 0, &header, sizeof(header));
	if (name)
		put_text(batch, IFLA_IFNAME, name);
}

/* Up, without an IPv6 link-local address. */
static inline void bring_up(struct batch *batch, int index)
{
	struct ifinfomsg header = {.ifi_index = index};
	uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	size_t families_nest, ipv6;

	begin(batch, RTM_NEWLINK, 0, &header, sizeof(header));
	families_nest = begin_nest(batch, IFLA_AF_SPEC);
	ipv6 = begin_nest(batch, AF_INET6);
	put_attribute(batch, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	end_nest(batch, ipv6);
	end_nest(batch, families_nest);
	set_link(batch, index, IFF_UP, NULL);
}

static inline void add_neighbour(struct batch *batch, int index, int which, const uint8_t *address,
				 const uint8_t *mac)
{
	struct ndmsg header = {
		.ndm_family = families[which].family,
		.ndm_ifindex = index,
		.ndm_state = NUD_PERMANENT,
	};

	begin(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	put_attribute(batch, NDA_DST, address, families[which].bytes);
	put_attribute(batch, NDA_LLADDR, mac, 6);
}

/* To `address` alone, or to everything through the gateway `via`. */
static inline void change_route(struct batch *batch, uint16_t type, int index, int which,
				const uint8_t *address, const uint8_t *via)
{
	struct rtmsg header = {
		.rtm_family = families[which].family,
		.rtm_dst_len = address ? families[which].bytes * 8 : 0,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = via || which ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = via ? RTNH_F_ONLINK : 0,
	};

	begin(batch, type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0, &header,
	      sizeof(header));
	if (address)
		put_attribute(batch, RTA_DST, address, families[which].bytes);
	if (via)
		put_attribute(batch, RTA_GATEWAY, via, families[which].bytes);
	put_u32(batch, RTA_OIF, (uint32_t)index);
}

static inline void change_address(struct batch *batch, uint16_t type, int index, int which,
				  const uint8_t *address)
{
	struct ifaddrmsg header = {
		.ifa_family = families[which].family,
		.ifa_prefixlen = families[which].bytes * 8,
		.ifa_flags = which ? IFA_F_NODAD : 0,
		.ifa_index = (uint32_t)index,
	};

	begin(batch, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, &header,
	      sizeof(header));
	put_attribute(batch, IFA_LOCAL, address, families[which].bytes);
}

static inline void add_clsact(struct batch *batch, int index)
{
	struct tcmsg header = {
		.tcm_ifindex = index,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};

	begin(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	put_text(batch, TCA_KIND, "clsact");
	put_u32(batch, TCA_INGRESS_BLOCK, INGRESS_BLOCK);
	put_u32(batch, TCA_EGRESS_BLOCK, EGRESS_BLOCK);
}

static inline void set_filter(struct batch *batch, uint32_t block, int program_fd)
{
	struct tcmsg header = {
		.tcm_ifindex = (int)TCM_IFINDEX_MAGIC_BLOCK,
		.tcm_handle = 1,
		.tcm_parent = block,
		.tcm_info = TC_H_MAKE(1 << 16, htons(3 /* ETH_P_ALL */)),
	};
	size_t options;

	begin(batch, RTM_NEWTFILTER, NLM_F_CREATE, &header, sizeof(header));
	put_text(batch, TCA_KIND, "bpf");
	options = begin_nest(batch, TCA_OPTIONS);
	put_u32(batch, TCA_BPF_FD, (uint32_t)program_fd);
	put_text(batch, TCA_BPF_NAME, "bare");
	put_u32(batch, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	end_nest(batch, options);
}
