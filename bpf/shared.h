/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every struct and enum that is shared between the kernel and user space: the single source of
 * truth, in one header per noun. `npm run generate` reads their layout from the compiled object's
 * BTF and the names of the enums from these headers, and writes src/datapath/generated.ts.
 *
 * Byte order: addresses, MACs and everything typed __be* are in network order and are never swapped
 * in C; the generated codecs are the only border. Everything else is in host order. Structs have no
 * implicit padding: padding is named `pad` and zero. Members that hold an enum have its type,
 * because that keeps its name in BTF.
 */
#pragma once

#include "shared-address.h"
#include "shared-tables.h"
#include "shared-services.h"
#include "shared-sockets.h"
#include "shared-flow.h"
#include "shared-events.h"
