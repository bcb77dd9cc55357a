/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All programs in one object. libbpf's cost (BTF, maps, relocation) is per object, and the programs
 * share every map.
 */
#include "pod.bpf.c"
#include "uplink.bpf.c"
#include "overlay.bpf.c"
#include "socket.bpf.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
