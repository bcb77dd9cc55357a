// Rules: which routing table is looked up for which packets, in order of priority (linux/fib_rules.h: struct
// fib_rule_hdr).

import type { AddressFamily } from '../../net/address.ts';
import { addressBytes } from '../../net/address.ts';
import { type Prefix, prefixAddress, prefixLength } from '../../net/prefix.ts';
import { Attributes } from './protocol/attribute.ts';
import { familyNumbers, familyOf } from './protocol/family.ts';
import { type MessageWriter, malformed, messageFlags } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps, Query, Request, RequestSink } from './protocol/request.ts';

export interface Rule {
  readonly family: AddressFamily;
  /** Smaller comes first; `local` has 0, `main` 32766. */
  readonly priority: number;
  readonly action: RuleAction;
  /** For `lookup`. */
  readonly table?: number | undefined;
  /** Who set it, as for routes. */
  readonly protocol?: number | undefined;
  readonly from?: Prefix | undefined;
  readonly to?: Prefix | undefined;
  readonly inputInterface?: string | undefined;
  readonly outputInterface?: string | undefined;
  /** Packets whose mark has `value` in the bits of `mask`. */
  readonly mark?: { readonly value: number; readonly mask: number } | undefined;
}

// FR_ACT_*
const actions = { lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;

export type RuleAction = keyof typeof actions;

const messages = { create: 32, delete: 33, get: 34 } as const;
const attributeTypes = {
  to: 1,
  from: 2,
  inputInterface: 3,
  target: 4,
  priority: 6,
  mark: 10,
  suppressedPrefixLength: 14,
  table: 15,
  markMask: 16,
  outputInterface: 17,
  protocol: 21,
} as const;
// FRA_TUN_ID, FRA_L3MDEV, FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_DSCP, FRA_FLOWLABEL.
const otherSelectors = [12, 19, 20, 22, 23, 24, 25, 26];
const invertFlag = 0x2;
const headerSize = 12;
const tableInAttribute = 252;

/**
 * Equivalent to: `ip [-6] rule add priority N [from P] [to P] [fwmark M/M] ... table T`. Throws KernelError (EEXIST).
 * @library
 */
export function addRule(requests: RequestSink, rule: Rule): void {
  requests.submit(
    change('rule add', messages.create, messageFlags.create | messageFlags.exclusive, rule),
  );
}

/**
 * Deletes the first rule that matches all given fields.
 * Equivalent to: `ip rule delete ...`. Throws KernelError (ENOENT).
 * @library
 */
export function delRule(requests: RequestSink, rule: Rule): void {
  requests.submit(change('rule delete', messages.delete, 0, rule));
}

/** A rule as listed by the kernel, with read-only fields. */
export interface ListedRule extends Omit<Rule, 'action'> {
  /** `unknown`: another number, such as that of `throw`; the kernel refuses the packets of such a rule. */
  readonly action: RuleAction | 'unknown';
  /** The rule applies to packets that its selectors do not match. */
  readonly isInverted?: boolean;
  /** Priority of the rule to which `goto` leads. */
  readonly target?: number;
  /** Routes with prefixes of at most this length are ignored. */
  readonly suppressedPrefixLength?: number;
  /** The rule has selectors beyond the other fields: user, protocol, ports, VRF, tunnel. */
  readonly selectsMore?: boolean;
}

/** Equivalent to: `ip -4 rule show; ip -6 rule show`. Throws KernelError. */
export function listRules(
  socket: Dumps,
  filter: { readonly family?: AddressFamily } = {},
): ListedRule[] {
  const families = filter.family === undefined ? ([4, 6] as const) : [filter.family];
  return families.flatMap((family) => {
    const query: Query = {
      call: 'rule list',
      subject: `IPv${family}`,
      type: messages.get,
      write: (message) => message.u32(familyNumbers[family]).u32(0).u32(0),
    };
    return socket.dump(query, readRule);
  });
}

/** Reads RTM_NEWRULE; undefined for families other than IPv4 and IPv6. Throws KernelError EBADMSG. */
export function readRule(payload: Buffer): ListedRule | undefined {
  if (payload.length < headerSize) throw malformed(`rule of ${payload.length} bytes`);
  const family = familyOf(payload.readUInt8(0));
  if (family === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(headerSize));
  const action = actionOf(payload.readUInt8(7));
  const mark = attributes.u32(attributeTypes.mark);
  const prefix = (type: number, length: number): Prefix | undefined => {
    const address = attributes.address(type);
    return address === undefined ? undefined : (`${address}/${length}` as Prefix);
  };
  const suppressed = attributes.u32(attributeTypes.suppressedPrefixLength);
  return withoutAbsent<ListedRule>({
    family,
    priority: attributes.u32(attributeTypes.priority) ?? 0,
    action,
    table:
      action === 'lookup'
        ? (attributes.u32(attributeTypes.table) ?? payload.readUInt8(4))
        : undefined,
    protocol: attributes.u8(attributeTypes.protocol),
    from: prefix(attributeTypes.from, payload.readUInt8(2)),
    to: prefix(attributeTypes.to, payload.readUInt8(1)),
    inputInterface: attributes.text(attributeTypes.inputInterface),
    outputInterface: attributes.text(attributeTypes.outputInterface),
    mark:
      mark === undefined
        ? undefined
        : { value: mark, mask: attributes.u32(attributeTypes.markMask) ?? 0xffffffff },
    isInverted: (payload.readUInt32LE(8) & invertFlag) === 0 ? undefined : true,
    target: attributes.u32(attributeTypes.target),
    suppressedPrefixLength: suppressed === 0xffffffff ? undefined : suppressed,
    selectsMore: otherSelectors.some((type) => attributes.has(type)) ? true : undefined,
  });
}

function change(call: string, type: number, how: number, rule: Rule): Request {
  const { family, priority, action, table } = rule;
  const target = table === undefined ? action : `${action} ${table}`;
  return {
    call,
    subject: `IPv${family} priority ${priority} ${target}`,
    type,
    flags: how,
    write: (message) => write(message, rule),
  };
}

function write(message: MessageWriter, rule: Rule): void {
  const { from, to, table = 0, mark } = rule;
  message
    .u8(familyNumbers[rule.family])
    .u8(to === undefined ? 0 : prefixLength(to))
    .u8(from === undefined ? 0 : prefixLength(from))
    .u8(0)
    .u8(table > 255 ? tableInAttribute : table)
    .u8(0)
    .u8(0)
    .u8(actions[rule.action])
    .u32(0)
    .u32Attribute(attributeTypes.priority, rule.priority);
  if (table > 255) message.u32Attribute(attributeTypes.table, table);
  if (rule.protocol !== undefined) message.u8Attribute(attributeTypes.protocol, rule.protocol);
  if (from !== undefined) {
    message.attribute(attributeTypes.from, addressBytes(prefixAddress(from)));
  }
  if (to !== undefined) message.attribute(attributeTypes.to, addressBytes(prefixAddress(to)));
  if (rule.inputInterface !== undefined) {
    message.textAttribute(attributeTypes.inputInterface, rule.inputInterface);
  }
  if (rule.outputInterface !== undefined) {
    message.textAttribute(attributeTypes.outputInterface, rule.outputInterface);
  }
  if (mark === undefined) return;
  message.u32Attribute(attributeTypes.mark, mark.value);
  message.u32Attribute(attributeTypes.markMask, mark.mask);
}

// The kernel accepts any number.
function actionOf(number: number): RuleAction | 'unknown' {
  return actionNames.get(number) ?? 'unknown';
}

const actionNames = new Map<number, RuleAction>(
  Object.entries(actions).map(([name, number]) => [number, name as RuleAction]),
);
