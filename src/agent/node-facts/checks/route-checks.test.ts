import { type FactRow, testFacts } from '../../../../test/support/fact-rows.ts';
import {
  addressOn,
  gateway,
  kernel,
  type ObservedChange,
  pod4,
  policyRules,
  remote4,
  route,
} from '../../../../test/support/sound-node.ts';
import type { RouteRecord } from '../../../kernel/netlink/route-record.ts';
import type { ListedRule } from '../../../kernel/netlink/rule.ts';
import { parseAddress } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { makePrefix, parsePrefix } from '../../../net/prefix.ts';

function withRule(rule: Partial<ListedRule>, routes: readonly RouteRecord[] = []): ObservedChange {
  const added = { family: 4, priority: 100, action: 'lookup', table: 52, ...rule } as const;
  const sorted = [...policyRules, added].sort((left, right) => left.priority - right.priority);
  return { kernel: { policyRules: sorted, policyRoutes: routes } };
}

function localRoute(destination: string): RouteRecord {
  return route(destination, { type: 'local', table: 255, ifIndex: 1 as IfIndex });
}

const mapped = makePrefix(parseAddress('::ffff:0:0'), 96);
const everywhere = route('0.0.0.0/0', { table: 52, ifIndex: 9 as IfIndex });

testFacts([
  ...(
    [
      [
        '198.51.100.64/26',
        /route 198\.51\.100\.64\/26 via 192\.0\.2\.1 dev eth0 takes addresses from pod range 198\.51\.100\.0\/25/,
      ],
      ['198.51.100.128/25', /from pod range 198\.51\.100\.128\/25/],
      [
        '198.51.100.0/24',
        /^note: pod range 198\.51\.100\.0\/25 lies inside route 198\.51\.100\.0\/24 via 192\.0\.2\.1 dev eth0 and takes these addresses from it/,
      ],
      ['198.51.0.0/16', /^note: pod range 198\.51\.100\.0\/25 lies inside route 198\.51\.0\.0\/16/],
      ['198.50.0.0/16', undefined],
      ['198.51.101.0/24', undefined],
      ['0.0.0.0/0', undefined],
      ['2001:db8:1::/65', /2001:db8:1::\/65/],
    ] as const
  ).map(
    ([destination, expected]): FactRow => [
      `a route to ${destination}`,
      'routes',
      { host: { routes: [route(destination, { gateway })] } },
      expected,
    ],
  ),
  [
    'a policy table with a route of IPv4-mapped addresses',
    'routing-rules',
    withRule({ family: 6 }, [
      route('2001:db8::/64', {
        ...{ table: 52, type: 'unreachable', destination: mapped },
      }),
    ]),
    /^note: IPv6 packets of pods to ::ffff:0:0\/96 are refused by rule 100 \(table 52: unreachable ::ffff:0:0\/96\)$/,
  ],
  [
    'a local route of IPv4-mapped addresses',
    'routes',
    { kernel: { localRoutes: [{ ...localRoute('2001:db8::/64'), destination: mapped }] } },
    undefined,
  ],
  [
    'a route around pod ranges that podCidrs has',
    'routes',
    {
      host: { routes: [route('198.51.0.0/16', { gateway })] },
      desired: { podCidrs: [parsePrefix('198.51.100.0/24')] },
    },
    undefined,
  ],
  [
    'a route around pod ranges that leads to no gateway',
    'routes',
    { host: { routes: [route('198.51.0.0/16', { type: 'blackhole' })] } },
    undefined,
  ],
  [
    'a route around pod ranges by several gateways',
    'routes',
    {
      host: {
        routes: [
          route('198.51.0.0/16', { nextHops: [{ gateway, ifIndex: 2 as IfIndex, weight: 1 }] }),
        ],
      },
    },
    /^note: pod range 198\.51\.100\.0\/25 lies inside route 198\.51\.0\.0\/16/,
  ],
  [
    'an address of another in the range of a node',
    'routes',
    { host: { addresses: [...kernel.host.addresses, addressOn(1, '198.51.100.200')] } },
    /^problem: address 198\.51\.100\.200 of lo is inside pod range 198\.51\.100\.128\/25/,
  ],
  [
    'a local route to the address of a pod',
    'routes',
    { kernel: { localRoutes: [localRoute('198.51.100.2/32')] } },
    /^problem: route local 198\.51\.100\.2\/32 dev lo table local takes addresses from pod range 198\.51\.100\.0\/25$/,
  ],
  [
    'a local route around pod ranges, which table main does not come to',
    'routes',
    { kernel: { localRoutes: [localRoute('198.51.0.0/16')] } },
    /^problem: route local 198\.51\.0\.0\/16 dev lo table local takes addresses from pod range 198\.51\.100\.0\/25$/,
  ],
  [
    'a route in table local that drops what is for a pod',
    'routes',
    { kernel: { localRoutes: [{ ...localRoute('198.51.100.2/32'), type: 'blackhole' }] } },
    /^problem: route blackhole 198\.51\.100\.2\/32 dev lo table local takes addresses from pod range/,
  ],
  [
    'a local route to other addresses',
    'routes',
    { kernel: { localRoutes: [localRoute('203.0.113.0/24'), localRoute('2001:db8:9::1/128')] } },
    undefined,
  ],
  [
    'a blackhole in a range',
    'routes',
    { host: { routes: [route('198.51.100.9/32', { type: 'blackhole' })] } },
    /route blackhole 198/,
  ],
  [
    'a rule for all to a table with a default route',
    'routing-rules',
    withRule({}, [everywhere]),
    /^problem: IPv4 packets to pod ranges 198\.51\.100\.0\/25, 198\.51\.100\.128\/25 do not reach table main because of rule 100 \(table 52: 0\.0\.0\.0\/0\)/,
  ],
  ['a rule for all to an empty table', 'routing-rules', withRule({}), undefined],
  [
    'a rule for marked packets',
    'routing-rules',
    withRule({ mark: { value: 1, mask: 1 } }, [everywhere]),
    undefined,
  ],
  [
    'a rule for packets without a mark',
    'routing-rules',
    withRule({ mark: { value: 1, mask: 1 }, isInverted: true }, [everywhere]),
    /rule 100/,
  ],
  [
    'a rule for one user',
    'routing-rules',
    withRule({ selectsMore: true }, [everywhere]),
    undefined,
  ],
  ['a rule after main', 'routing-rules', withRule({ priority: 32800 }, [everywhere]), undefined],
  [
    'a rule for other sources',
    'routing-rules',
    withRule({ from: parsePrefix('203.0.113.0/24') }, [everywhere]),
    undefined,
  ],
  [
    'a rule for another interface',
    'routing-rules',
    withRule({ inputInterface: 'eth1' }, [everywhere]),
    undefined,
  ],
  [
    "a rule for the node's own address, as clouds have it for each interface",
    'routing-rules',
    withRule({ from: parsePrefix('192.0.2.11/32') }, [everywhere]),
    /^problem: IPv4 packets of this node itself to pod ranges 198\.51\.100\.0\/25, .* do not reach table main because of rule 100 \(table 52: /,
  ],
  [
    'a rule for what the node itself sends',
    'routing-rules',
    withRule({ inputInterface: 'lo' }, [everywhere]),
    /^problem: IPv4 packets of this node itself to pod ranges/,
  ],
  [
    'a rule for another address of the node',
    'routing-rules',
    withRule({ from: parsePrefix('192.0.2.12/32') }, [everywhere]),
    undefined,
  ],
  [
    'a rule that forbids',
    'routing-rules',
    withRule({ action: 'prohibit', to: remote4 }),
    /pod ranges 198\.51\.100\.128\/25 do not reach table main because of rule 100 \(prohibit\)/,
  ],
  [
    'a rule with an unknown action, by which the kernel refuses packets too',
    'routing-rules',
    withRule({ action: 'unknown', to: remote4 }),
    /pod ranges 198\.51\.100\.128\/25 do not reach table main because of rule 100 \(unknown\)/,
  ],
  [
    'a rule that refuses a network outside to pods',
    'routing-rules',
    withRule({ action: 'unreachable', from: pod4, to: parsePrefix('203.0.113.0/24') }),
    /^note: IPv4 packets of pods to 203\.0\.113\.0\/24 are refused by rule 100 \(unreachable\)$/,
  ],
  [
    'a rule that refuses a network outside to all',
    'routing-rules',
    withRule({ action: 'blackhole', to: parsePrefix('203.0.113.0/24') }),
    /^note: .* to 203\.0\.113\.0\/24 are refused by rule 100 \(blackhole\)$/,
  ],
  [
    'a rule that refuses it to pods whose packets table main routes before',
    'routing-rules',
    withRule({ action: 'unreachable', from: pod4, priority: 32800 }),
    undefined,
  ],
  [
    'a rule that refuses it to pods where table main has no route',
    'routing-rules',
    {
      ...withRule({ action: 'unreachable', from: pod4, priority: 32800 }),
      host: { routes: [route('192.0.2.0/24', { protocol: 2 })] },
    },
    /^note: IPv4 packets of pods to outside the cluster are refused by rule 32800 \(unreachable\)$/,
  ],
  [
    'a rule that refuses it to another network',
    'routing-rules',
    withRule({ action: 'unreachable', from: parsePrefix('203.0.113.0/24') }),
    undefined,
  ],
  [
    'a rule that leads pods into a table that refuses',
    'routing-rules',
    withRule({ from: pod4, to: parsePrefix('203.0.113.0/24') }, [
      everywhere,
      route('203.0.113.128/25', { table: 52, type: 'prohibit' }),
    ]),
    /^note: .* to 203\.0\.113\.128\/25 are refused by rule 100 \(table 52: prohibit 203\.0\.113\.128\/25\)$/,
  ],
  [
    'a rule that leads pods by a way with a refusal behind it, as VPNs set it',
    'routing-rules',
    withRule({ from: pod4, to: parsePrefix('203.0.113.0/24') }, [
      everywhere,
      route('0.0.0.0/0', { table: 52, type: 'unreachable', metric: 4_278_198_272 }),
    ]),
    undefined,
  ],
  [
    'a rule that refuses everything to pods',
    'routing-rules',
    withRule({ action: 'blackhole', from: pod4 }),
    /^problem: IPv4 packets to pod ranges .* do not reach table main because of rule 100 \(blackhole\)/,
  ],
  [
    'a rule that passes over default routes',
    'routing-rules',
    withRule({ suppressedPrefixLength: 0 }, [everywhere]),
    undefined,
  ],
  [
    'more rules than are read, among which the one for main may be',
    'routing-rules',
    {
      kernel: {
        isPolicyWhole: false,
        policyRules: policyRules.filter(({ table }) => table !== 254),
      },
    },
    /^note: there are more routing rules, or routes in the tables they look up, than are checked/,
  ],
  [
    'a table main and a table local with more routes than are read',
    'routes',
    { host: { unreadRoutes: [4] }, kernel: { areLocalRoutesWhole: false } },
    /^note: table main \(IPv4\) and table local have more than 10000 routes of other software; the rest was not checked/,
  ],
  [
    'no rule for main',
    'routing-rules',
    { kernel: { policyRules: policyRules.filter(({ table }) => table !== 254) } },
    /because of a missing lookup of table main/,
  ],
]);
