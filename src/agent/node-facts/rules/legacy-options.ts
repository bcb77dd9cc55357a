// Converts options of iptables-legacy rules into the equivalent nftables expressions (libnftables-json(5)).

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import type { Expression } from './rule-set.ts';
import { stateMatch } from './xtables-match.ts';
import { addressType, field, reversePath } from './xtables-same.ts';

export interface LegacyOption {
  /** `-s`, `--dport` */
  readonly name: string;
  readonly isInverted: boolean;
  readonly values: readonly string[];
  /** The preceding `-m`, or `-j TARGET`; empty: none. */
  readonly extension: string;
  isChain(name: string): boolean;
}

/** Empty for an option that matches every packet. */
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
    case '--set-xmark':
    case '--ttl-set':
    case '--hl-set':
      return writingOption(option);
    default:
      return extensionOption(option);
  }
}

function match({ isInverted }: LegacyOption, left: object, right: unknown): Expression {
  return { match: { op: isInverted ? '!=' : '==', left, right } };
}

/** An expression that cannot be evaluated. */
function unknown(name: string): Expression {
  const xt: XtablesExpression = { kind: 'match', name, revision: 0, info: Buffer.alloc(0) };
  return { xt };
}

function addressMatch(option: LegacyOption): Expression {
  const [address = '', length = ''] = (option.values[0] ?? '').split('/');
  const protocol = address.includes(':') ? 'ip6' : 'ip';
  const field = option.name === '-s' ? 'saddr' : 'daddr';
  // A non-contiguous mask is written as an address.
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

// Matches whose options alone determine what they match.
const transparent: ReadonlySet<string> = new Set([
  ...['tcp', 'udp', 'udplite', 'sctp', 'multiport', 'icmp', 'icmp6'],
  ...['conntrack', 'state', 'mark', 'connmark', 'addrtype', 'ttl', 'hl', 'length', 'rpfilter'],
]);

const headers: ReadonlySet<string> = new Set(['rt', 'hbh', 'dst', 'mh']);

function extensionMatch(name: string): Expression[] {
  if (headers.has(name)) {
    return [{ match: { op: '==', left: { exthdr: { name } }, right: true } }];
  }
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
      return headerOption(option);
  }
}

function headerOption(option: LegacyOption): Expression[] {
  const { name, extension, isInverted } = option;
  const [value = '', flags = ''] = option.values;
  switch (name) {
    case '--tcp-flags': {
      const left = { '&': [field('tcp', 'flags'), flagsOf(value)] };
      return [match(option, left, flagsOf(flags))];
    }
    case '--src-type':
    case '--dst-type': {
      const left = addressType(name === '--src-type' ? 'saddr' : 'daddr');
      return [match(option, left, { set: value.toLowerCase().split(',') })];
    }
    case '--length':
      return [match(option, { meta: { key: 'length' } }, portsOf(value))];
    case '--icmp-type':
    case '--icmpv6-type':
      return icmpMatch(option, value);
    case '--invert':
      return [reversePath(true)];
    case '--loose':
    case '--validmark':
    case '--accept-local':
      return [];
    default:
      return hopsMatch(name, { value, isInverted }) ?? [unknown(extension)];
  }
}

function flagsOf(text: string): readonly string[] {
  return text === 'NONE' ? [] : text.toLowerCase().split(',');
}

// `3/4` includes a code.
function icmpMatch(option: LegacyOption, value: string): Expression[] {
  const protocol = option.name === '--icmp-type' ? 'icmp' : 'icmpv6';
  if (!/^\d+$/.test(value)) return [unknown(option.extension)];
  return [match(option, field(protocol, 'type'), Number(value))];
}

const comparisons: Readonly<Record<string, string>> = { eq: '==', lt: '<', gt: '>' };

function hopsMatch(
  name: string,
  { value, isInverted }: { readonly value: string; readonly isInverted: boolean },
): Expression[] | undefined {
  const [, kind, comparison = ''] = /^--(ttl|hl)-(eq|lt|gt)$/.exec(name) ?? [];
  const op = comparisons[comparison];
  if (kind === undefined || op === undefined) return undefined;
  const left = kind === 'ttl' ? field('ip', 'ttl') : field('ip6', 'hoplimit');
  return [{ match: { op: isInverted ? '!=' : op, left, right: Number(value) } }];
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
  const key = { key: 'mark' };
  const left = option.extension === 'connmark' ? { ct: key } : { meta: key };
  return match(option, { '&': [left, mask] }, value);
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
    // The action follows or is not evaluated.
    case 'CONNMARK':
    case 'SNPT':
    case 'DNPT':
      return [{ xt: targetWithout(target) }];
    default:
      return [{ counter: null }];
  }
}

function targetWithout(name: string): XtablesExpression {
  return { kind: 'target', name, revision: 0, info: Buffer.alloc(0) };
}

function writingOption({ name, extension, values: [text = ''] }: LegacyOption): Expression[] {
  const set = (key: object, value: unknown): Expression[] => [{ mangle: { key, value } }];
  if (extension === '-j TTL') return set(field('ip', 'ttl'), Number(text));
  if (extension === '-j HL') return set(field('ip6', 'hoplimit'), Number(text));
  if (name !== '--set-xmark' || extension !== '-j MARK') return [];
  // `0x5/0xff`: these bits of the mark are replaced.
  const [value = 0, mask = 0xffffffff] = text.split('/').map(Number);
  const key = { meta: { key: 'mark' } };
  return set(key, { '^': [{ '&': [key, ~mask >>> 0] }, value] });
}
