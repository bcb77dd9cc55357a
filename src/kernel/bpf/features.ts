// Explains what an old or reduced kernel lacks if an object does not load: program type, map type, helper or kfunc,
// each with the first release that has it.

import { mapTypeFromNumber, mapTypes } from './map-type.ts';
import { programTypeFromNumber, programTypes } from './program-type.ts';

/** Helpers used by network programs, by uapi number, with the first kernel release that has them. */
const helpers: Readonly<Record<number, readonly [name: string, minimumKernel: string]>> = {
  21: ['bpf_skb_set_tunnel_key', '4.3'],
  69: ['bpf_fib_lookup', '4.18'],
  84: ['bpf_sk_lookup_tcp', '4.20'],
  122: ['bpf_get_netns_cookie', '5.6'],
  124: ['bpf_sk_assign', '5.7'],
  125: ['bpf_ktime_get_boot_ns', '5.8'],
  131: ['bpf_ringbuf_reserve', '5.8'],
  152: ['bpf_redirect_neigh', '5.10'],
  155: ['bpf_redirect_peer', '5.10'],
  160: ['bpf_ktime_get_coarse_ns', '5.11'],
  163: ['bpf_check_mtu', '5.12'],
  164: ['bpf_for_each_map_elem', '5.13'],
  181: ['bpf_loop', '5.17'],
  182: ['bpf_strncmp', '5.17'],
  195: ['bpf_map_lookup_percpu_elem', '5.19'],
  201: ['bpf_dynptr_read', '5.19'],
  208: ['bpf_ktime_get_tai_ns', '6.1'],
};

export interface FeatureProbe {
  /** 1: supported, 0: not supported, negative: unknown. */
  programType(number: number): number;
  mapType(number: number): number;
}

/** The program and map types that the kernel lacks, one sentence each. */
export function missingTypes(
  used: { readonly programTypes: readonly number[]; readonly mapTypes: readonly number[] },
  probe: FeatureProbe,
): readonly string[] {
  const programs = [...new Set(used.programTypes)].filter((type) => probe.programType(type) === 0);
  const maps = [...new Set(used.mapTypes)].filter((type) => probe.mapType(type) === 0);
  return [
    ...programs.map((number) => {
      const name = programTypeFromNumber(number);
      return `the kernel has no program type ${name ?? number}${since(name && programTypes[name])}`;
    }),
    ...maps.map((number) => {
      const name = mapTypeFromNumber(number);
      return `the kernel has no map type ${name ?? number}${since(name && mapTypes[name])}`;
    }),
  ];
}

/** Explains a verifier message about a missing helper or kfunc; undefined for other messages. */
export function explainMessage(message: string): string | undefined {
  const helper = /(?:invalid|unknown) func \w*#(\d+)/.exec(message);
  if (helper !== null) {
    const known = helpers[Number(helper[1])];
    if (known === undefined) return `the kernel has no helper ${helper[1]} for this program type`;
    return `the helper ${known[0]} needs Linux ${known[1]}`;
  }
  const kfunc = /extern \(func ksym\) '(\w+)': not found/.exec(message);
  return kfunc === null ? undefined : `the kernel function ${kfunc[1]} is not in this kernel`;
}

function since(facts: { readonly minimumKernel: string } | undefined): string {
  return facts === undefined ? '' : ` (Linux ${facts.minimumKernel} or later)`;
}
