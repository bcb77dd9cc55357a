/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel asks for a pod's network, and nothing else: a CNI plugin without a record, an
 * address management, a check or an agent, which makes by batched netlink messages what one of our
 * ADDs makes, and takes it away as one of our DELs does. No plugin with such pods can be quicker.
 *
 * It is executed as plugins are. Container ids end with a number, which the addresses are made of.
 * On standard input, beside the rest: "programs": "FOLDER", where `from_pod` and `to_pod` are pinned.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "ids.h"
#include "rtnetlink_verbs.h"

enum {
	DOOMED_GROUP = 7,
	DOOMED_DELAY_US = 500000,
};

struct pod {
	char host_name[IFNAMSIZ];
	const char *name;
	int fd; /* of its namespace */
	uint8_t mac[6];
	uint8_t address[2][16]; /* IPv4, IPv6 */
	uint8_t gateway[2][16];
};

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		errx(1, "%s is not set", name);
	return value;
}

static int open_namespace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void enter(int namespace_fd)
{
	if (setns(namespace_fd, CLONE_NEWNET))
		err(1, "setns");
}

static struct pod the_pod(void)
{
	const char *id = variable("CNI_CONTAINERID");
	const char *dash = strrchr(id, '-');
	uint16_t number = (uint16_t)strtoul(dash ? dash + 1 : id, NULL, 10);
	uint8_t high = (uint8_t)(number >> 8), low = (uint8_t)number;
	struct pod pod = {
		.name = variable("CNI_IFNAME"),
		.fd = open_namespace(variable("CNI_NETNS")),
		.mac = {2, 0, 0, 0, high, low},
		.address = {{10, 216, high, low}, {0xfd, 0, 2, 0x16, [14] = high, low}},
		.gateway = {{169, 254, 1, 1}, {0xfe, 0x80, [15] = 1}},
	};

	snprintf(pod.host_name, sizeof(pod.host_name), "bare%u", number);
	return pod;
}

static void put_link_end(struct batch *batch, const char *name, const uint8_t *mac)
{
	put_text(batch, IFLA_IFNAME, name);
	put_attribute(batch, IFLA_ADDRESS, mac, 6);
}

/* Returns the index of the node's end; the pod's goes to `peer`. */
static int add_veth(int socket_fd, const struct pod *pod, int *peer)
{
	struct batch batch = {.socket_fd = socket_fd};
	struct ifinfomsg header = {};
	char made[4096] __attribute__((aligned(4)));
	struct nlmsghdr *message = (struct nlmsghdr *)made;
	size_t info, data, other;

	begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, &header, sizeof(header));
	put_link_end(&batch, pod->host_name, gateway_mac);
	info = begin_nest(&batch, IFLA_LINKINFO);
	put_text(&batch, IFLA_INFO_KIND, "veth");
	data = begin_nest(&batch, IFLA_INFO_DATA);
	other = begin_nest(&batch, VETH_INFO_PEER);
	put(&batch, &header, sizeof(header));
	put_link_end(&batch, pod->name, pod->mac);
	put_u32(&batch, IFLA_NET_NS_FD, (uint32_t)pod->fd);
	end_nest(&batch, other);
	end_nest(&batch, data);
	end_nest(&batch, info);
	memset(made, 0, sizeof(made));
	perform(&batch, made, sizeof(made));

	struct ifinfomsg *link = NLMSG_DATA(message);
	int left = (int)IFLA_PAYLOAD(message);

	for (struct rtattr *at = IFLA_RTA(link); RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == IFLA_LINK)
			memcpy(peer, RTA_DATA(at), sizeof(*peer));
	if (!link->ifi_index || !*peer)
		errx(1, "the kernel does not say what it made");
	return link->ifi_index;
}

static int pinned(const char *folder, int folder_length, const char *name)
{
	char path[256];
	union bpf_attr attributes = {.pathname = (uintptr_t)path};
	int fd;

	snprintf(path, sizeof(path), "%.*s/%s", folder_length, folder, name);
	fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof(attributes));
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void wire_node(int socket_fd, const struct pod *pod, int index, const int *programs)
{
	struct batch batch = {.socket_fd = socket_fd};

	bring_up(&batch, index);
	for (int which = 0; which < 2; which++) {
		change_route(&batch, RTM_NEWROUTE, index, which, pod->address[which], NULL);
		add_neighbour(&batch, index, which, pod->address[which], pod->mac);
	}
	add_clsact(&batch, index);
	set_filter(&batch, INGRESS_BLOCK, programs[0]);
	set_filter(&batch, EGRESS_BLOCK, programs[1]);
	perform(&batch, NULL, 0);
}

static void wire_pod(int socket_fd, const struct pod *pod, int index)
{
	struct batch batch = {.socket_fd = socket_fd};

	set_link(&batch, 1, IFF_UP, NULL);
	bring_up(&batch, index);
	for (int which = 0; which < 2; which++) {
		change_address(&batch, RTM_NEWADDR, index, which, pod->address[which]);
		add_neighbour(&batch, index, which, pod->gateway[which], gateway_mac);
		change_route(&batch, RTM_NEWROUTE, index, which, NULL, pod->gateway[which]);
	}
	perform(&batch, NULL, 0);
}

static void add(const struct pod *pod)
{
	char configuration[4096] = "";
	ssize_t length = read(STDIN_FILENO, configuration, sizeof(configuration) - 1);
	const char *key = "\"programs\":\"";
	const char *folder = length > 0 ? strstr(configuration, key) : NULL;

	if (!folder)
		errx(1, "no \"programs\" on standard input");
	folder += strlen(key);
	int folder_length = (int)strcspn(folder, "\"");
	int programs[2] = {pinned(folder, folder_length, "from_pod"),
			   pinned(folder, folder_length, "to_pod")};
	int node = open_rtnetlink(), peer = 0;
	int index = add_veth(node, pod, &peer);

	enter(pod->fd);
	wire_pod(open_rtnetlink(), pod, peer);
	wire_node(node, pod, index, programs);
	printf("{\"cniVersion\":\"1.0.0\"}\n");
}

/* The kernel waits long to delete a veth: as an agent would, a child does it when nobody waits. */
static void delete_later(int node_socket)
{
	struct batch batch = {.socket_fd = node_socket, .gone_is_fine = true};
	struct ifinfomsg header = {};

	fflush(stdout);
	if (fork())
		return;
	if (setsid() < 0)
		err(1, "setsid");
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	usleep(DOOMED_DELAY_US);
	begin(&batch, RTM_DELLINK, 0, &header, sizeof(header));
	put_u32(&batch, IFLA_GROUP, DOOMED_GROUP);
	perform(&batch, NULL, 0);
}

static void del(const struct pod *pod)
{
	int node = open_rtnetlink();
	int index = (int)if_nametoindex(pod->host_name);
	struct batch outer = {.socket_fd = node};
	char doomed[IFNAMSIZ];

	if (!index)
		err(1, "%s", pod->host_name);
	snprintf(doomed, sizeof(doomed), "x%d", index);
	/* A link that goes down with an IPv4 route has the kernel walk all routes. */
	change_route(&outer, RTM_DELROUTE, index, 0, pod->address[0], NULL);
	set_link(&outer, index, 0, doomed);
	put_u32(&outer, IFLA_GROUP, DOOMED_GROUP);
	perform(&outer, NULL, 0);

	enter(pod->fd);
	struct batch inner = {.socket_fd = open_rtnetlink(), .gone_is_fine = true};
	int peer = (int)if_nametoindex(pod->name);

	set_link(&inner, peer, 0, doomed);
	change_address(&inner, RTM_DELADDR, peer, 0, pod->address[0]);
	perform(&inner, NULL, 0);
	delete_later(node);
}

int main(void)
{
	struct pod pod = the_pod();

	if (!strcmp(variable("CNI_COMMAND"), "ADD"))
		add(&pod);
	else
		del(&pod);
	return 0;
}
