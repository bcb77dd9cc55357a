// Filters out the netlink notifications that the agent itself causes: adding or deleting one pod makes a dozen, which
// `watchHost` would ignore one by one. The kernel drops them before they wake the agent. In doubt a notification
// passes, because `watchHost` decides again.

import {
  assembleFilter,
  attributeOffset,
  type FilterInstruction,
  filterVerdicts,
} from '../../kernel/netlink/protocol/socket-filter.ts';
import { podLinkPrefix, routeProtocol } from '../../model/ids.ts';
import { macBytes } from '../../net/mac.ts';
import { gatewayMac } from '../../pods/interface/gateway.ts';

// Offsets in a message: struct nlmsghdr (16 bytes), then struct ifinfomsg (16) or struct rtmsg. The first attribute of a link
// is its name. Numbers are in host order, little-endian, which a load of two bytes reverses.
const at = {
  messageLength: 0,
  messageType: 4,
  destinationBits: 17,
  routeProtocol: 21,
  settingType: 30,
  settingValue: 32,
  firstAttribute: 32,
  attributeType: 34,
  name: 36,
} as const;
const nameAttribute = 0x0300;
// IFLA_ADDRESS: four bytes of header, then the MAC, whose last four bytes are compared.
const macAttribute = 1;
const macWord = { offset: 4 + 2, value: Buffer.from(macBytes(gatewayMac)).readUInt32BE(2) };
// struct nlmsghdr, struct netconfmsg (4 bytes with its padding), the interface's index and one value.
const oneSettingLength = 36;
const forwardingAttribute = 0x0200;
// Two letters, as a load of two bytes reads them.
const namePrefix = (podLinkPrefix.charCodeAt(0) << 8) | podLinkPrefix.charCodeAt(1);

/**
 * Drops new or changed links with the MAC of a pod's host interface and a name that begins as its name does
 * (docs/decisions/host-filter-by-mac.md), routes that are heddle's or not default routes, and new queues and filters.
 * Of the settings only one passes: forwarding was switched off. The deletion of a link always passes.
 */
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
  { code: 'jumpIfEqual', operand: namePrefix, no: 'accept' },
  { code: 'loadConstant', operand: at.firstAttribute },
  { code: 'indexConstant', operand: macAttribute },
  { code: 'loadWord', operand: attributeOffset },
  { code: 'jumpIfEqual', operand: 0, yes: 'accept' },
  { code: 'indexFromAccumulator', operand: 0 },
  { code: 'loadWordAtIndex', operand: macWord.offset },
  { code: 'jumpIfEqual', operand: macWord.value, yes: 'drop', no: 'accept' },
  'drop',
  { code: 'return', operand: filterVerdicts.drop },
  'accept',
  { code: 'return', operand: filterVerdicts.accept },
]);
