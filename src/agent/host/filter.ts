// Keeps the agent asleep through its own work: a pod that comes or goes makes a dozen notifications, which `watchHost`
// would pass over one by one. The kernel drops them; whatever is in doubt passes, since `watchHost` decides again.

import { routeProtocol } from '../../datapath/ids.ts';
import {
  assembleFilter,
  type FilterInstruction,
  type FilterLine,
  filterVerdicts,
} from '../../kernel/netlink/protocol/socket-filter.ts';

// Where things stand in a message: struct nlmsghdr (16 bytes), then struct ifinfomsg (16) or struct rtmsg. A link's first
// attribute is its name. Numbers are the host's, little-endian, which a load of two bytes turns round.
const at = {
  messageLength: 0,
  messageType: 4,
  destinationBits: 17,
  routeProtocol: 21,
  settingType: 30,
  settingValue: 32,
  attributeLength: 32,
  attributeType: 34,
  name: 36,
} as const;
const nameAttribute = 0x0300;
// struct nlmsghdr, struct netconfmsg (4 bytes with its padding), the interface's index and one value.
const oneSettingLength = 36;
const forwardingAttribute = 0x0200;
const hexDigits = 11;
const endpointNameLength = (4 + 2 + hexDigits + 1) << 8;
const mostDigits = 10;
const character = (text: string): number => text.charCodeAt(0);

/** Dropped: links that are made or change and have the name of an endpoint or of what was one (that one ends is told), and
 * routes that are ours or no default route, queues and filters that are made. Of settings only one passes: forwarding was switched off. */
export const hostFilter: readonly FilterInstruction[] = assembleFilter([
  { code: 'loadByte', operand: at.messageType },
  { code: 'jumpIfEqual', operand: 16, yes: 'new link' },
  { code: 'jumpIfEqual', operand: 24, yes: 'route' },
  { code: 'jumpIfEqual', operand: 25, yes: 'route' },
  { code: 'jumpIfEqual', operand: 36, yes: 'drop' },
  { code: 'jumpIfEqual', operand: 44, yes: 'drop' },
  { code: 'jumpIfEqual', operand: 80, yes: 'setting' },
  { code: 'jumpIfEqual', operand: 81, yes: 'drop', no: 'accept' },
  'setting',
  { code: 'loadByte', operand: at.messageLength },
  { code: 'jumpIfEqual', operand: oneSettingLength, no: 'drop' },
  { code: 'loadHalf', operand: at.settingType },
  { code: 'jumpIfEqual', operand: forwardingAttribute, no: 'drop' },
  { code: 'loadByte', operand: at.settingValue },
  { code: 'jumpIfEqual', operand: 0, yes: 'accept', no: 'drop' },
  'route',
  { code: 'loadByte', operand: at.destinationBits },
  { code: 'jumpIfEqual', operand: 0, no: 'drop' },
  { code: 'loadByte', operand: at.routeProtocol },
  { code: 'jumpIfEqual', operand: routeProtocol, yes: 'drop', no: 'accept' },
  'new link',
  { code: 'loadHalf', operand: at.attributeType },
  { code: 'jumpIfEqual', operand: nameAttribute, no: 'accept' },
  { code: 'loadHalf', operand: at.name },
  { code: 'jumpIfEqual', operand: (character('h') << 8) | character('d'), no: 'accept' },
  { code: 'loadByte', operand: at.name + 2 },
  { code: 'jumpIfEqual', operand: character('x'), yes: 'doomed' },
  { code: 'loadHalf', operand: at.attributeLength },
  { code: 'jumpIfEqual', operand: endpointNameLength, no: 'accept' },
  ...Array.from({ length: hexDigits }, (_, digit) => hexDigit(at.name + 2 + digit)).flat(),
  'drop',
  { code: 'return', operand: filterVerdicts.drop },
  'doomed',
  ...Array.from({ length: mostDigits }, (_, digit) => decimalDigit(at.name + 3, digit)).flat(),
  { code: 'loadByte', operand: at.name + 3 + mostDigits },
  { code: 'jumpIfEqual', operand: 0, yes: 'drop too', no: 'accept' },
  'drop too',
  { code: 'return', operand: filterVerdicts.drop },
  'accept',
  { code: 'return', operand: filterVerdicts.accept },
]);

function hexDigit(place: number): readonly FilterLine[] {
  const next = `after ${place}`;
  return [
    { code: 'loadByte', operand: place },
    { code: 'jumpIfGreater', operand: character('f'), yes: 'accept' },
    { code: 'jumpIfGreaterOrEqual', operand: character('a'), yes: next },
    { code: 'jumpIfGreater', operand: character('9'), yes: 'accept' },
    { code: 'jumpIfGreaterOrEqual', operand: character('0'), no: 'accept' },
    next,
  ];
}

// Up to the zero that ends the name; at least one.
function decimalDigit(first: number, digit: number): readonly FilterLine[] {
  return [
    { code: 'loadByte', operand: first + digit },
    ...(digit === 0 ? [] : [{ code: 'jumpIfEqual', operand: 0, yes: 'drop too' } as const]),
    { code: 'jumpIfGreater', operand: character('9'), yes: 'accept' },
    { code: 'jumpIfGreaterOrEqual', operand: character('0'), no: 'accept' },
  ];
}
