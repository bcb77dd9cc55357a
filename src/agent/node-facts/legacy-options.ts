// Options of a rule of iptables-legacy, each as the expression that nftables would have for it (libnftables-json(5)).

import type { XtablesExpression } from '../../kernel/nft-xtables.ts';
import type { Expression } from './rule-set.ts';
import { stateMatch } from './xtables-match.ts';

export interface LegacyOption {
  /** `-s`, `--dport` */
  readonly name: string;
  readonly isInverted: boolean;
  readonly values: readonly string[];
  /** The `-m` before it; empty: none. */
  readonly extension: string;
  isChain(name: string): boolean;
}

/** Nothing for an option that matches every packet. */
export function optionOf(option: LegacyOption): Expression[] {
  const { name, values, extension } = option;
  switch (name) {
    case '-s':
    case '-d':
      return [addressMatch(option)];
    case '-i':
    case '-o':
      return [interfaceMatch(option)];
    case '-p':
      return [match(option, { meta: { key: 'l4proto' } }, protocolOf(values[0] ?? ''))];
    case '-f':
      return [fragmentMatch(option)];
    case '-m':
      return extensionMatch(extension);
    case '-j':
      return targetOf(option);
    case '-g':
      return [{ goto: { target: values[0] ?? '' } }];
    case '--notrack':
      return [{ notrack: null }];
    case '--zone':
      return [{ mangle: { key: { ct: { key: 'zone' } }, value: Number(values[0]) } }];
    default:
      return extensionOption(option);
  }
}

function match({ isInverted }: LegacyOption, left: object, right: unknown): Expression {
  return { match: { op: isInverted ? '!=' : '==', left, right } };
}

/** Not to be judged. */
function unknown(name: string): Expression {
  const xt: XtablesExpression = { kind: 'match', name, revision: 0, info: Buffer.alloc(0) };
  return { xt };
}

function addressMatch(option: LegacyOption): Expression {
  const [address = '', length = ''] = (option.values[0] ?? '').split('/');
  const protocol = address.includes(':') ? 'ip6' : 'ip';
  const field = option.name === '-s' ? 'saddr' : 'daddr';
  // A mask with holes is written as an address.
  if (!/^\d+$/.test(length)) return unknown('mask');
  const right = { prefix: { addr: address, len: Number(length) } };
  return match(option, { payload: { protocol, field } }, right);
}

function interfaceMatch(option: LegacyOption): Expression {
  const key = option.name === '-i' ? 'iifname' : 'oifname';
  return match(option, { meta: { key } }, (option.values[0] ?? '').replace(/\+$/, '*'));
}

const otherNames: Readonly<Record<string, string>> = { 'ipv6-icmp': 'icmpv6' };

function protocolOf(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : (otherNames[text] ?? text);
}

function fragmentMatch({ isInverted }: LegacyOption): Expression {
  const left = { '&': [{ payload: { protocol: 'ip', field: 'frag-off' } }, 0x1fff] };
  return { match: { op: isInverted ? '==' : '!=', left, right: 0 } };
}

// Those whose options alone say what they match.
const transparent: ReadonlySet<string> = new Set([
  ...['tcp', 'udp', 'udplite', 'sctp', 'multiport', 'icmp', 'icmp6'],
  ...['conntrack', 'state', 'mark'],
]);

function extensionMatch(name: string): Expression[] {
  return transparent.has(name) ? [] : [unknown(name)];
}

function extensionOption(option: LegacyOption): Expression[] {
  const { name, values, extension, isInverted } = option;
  const value = values[0] ?? '';
  if (!transparent.has(extension)) return [];
  switch (name) {
    case '--sport':
    case '--dport':
      return [match(option, portField(name), portsOf(value))];
    case '--sports':
    case '--dports':
      return [match(option, portField(name), { set: value.split(',').map(portsOf) })];
    case '--ctstate':
    case '--state':
      return [{ xt: stateMatch(value.split(','), isInverted) }];
    case '--mark':
      return [markMatch(option, value)];
    default:
      return [unknown(extension)];
  }
}

function portField(name: string): object {
  return { payload: { protocol: 'th', field: name.startsWith('--s') ? 'sport' : 'dport' } };
}

function portsOf(text: string): number | { readonly range: readonly number[] } {
  const [first = 0, last] = text.split(':').map(Number);
  return last === undefined ? first : { range: [first, last] };
}

function markMatch(option: LegacyOption, text: string): Expression {
  const [value = 0, mask = 0xffffffff] = text.split('/').map(Number);
  return match(option, { '&': [{ meta: { key: 'mark' } }, mask] }, value);
}

function targetOf({ values, isChain }: LegacyOption): Expression[] {
  const [target = ''] = values;
  if (isChain(target)) return [{ jump: { target } }];
  switch (target) {
    case 'ACCEPT':
      return [{ accept: null }];
    case 'DROP':
    case 'REJECT':
      return [{ drop: null }];
    case 'RETURN':
      return [{ return: null }];
    case 'NOTRACK':
      return [{ notrack: null }];
    case 'NFQUEUE':
    case 'TPROXY':
      return [{ queue: null }];
    default:
      return [{ counter: null }];
  }
}
