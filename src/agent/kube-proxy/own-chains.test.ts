import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownLegacyChains, removalText } from './legacy-chains.ts';
import { isOwnChain } from './own-chains.ts';

test("chains that a kubelet or another program may have made are not kube-proxy's", () => {
  for (const name of ['KUBE-SERVICES', 'KUBE-SVC-67NZLRHBNDSAWJRO', 'KUBE-PROXY-CANARY'])
    assert.equal(isOwnChain(name), true, name);
  for (const name of [
    'KUBE-FIREWALL',
    'KUBE-MARK-MASQ',
    'KUBE-MARK-DROP',
    'KUBE-KUBELET-CANARY',
    'KUBE-IPTABLES-HINT',
    'KUBE-ROUTER-INPUT',
    'KUBE-SVC-',
    'KUBE-SVC-67NZLRHBNDSAWJRO-MINE',
    'MY-KUBE-SERVICES',
  ])
    assert.equal(isOwnChain(name), false, name);
});

test("a chain to which another program's rule leads is emptied, not deleted", () => {
  const own = ownLegacyChains(
    [
      '*nat',
      ':PREROUTING ACCEPT [1:2]',
      ':KUBE-SERVICES - [0:0]',
      ':KUBE-NODEPORTS - [0:0]',
      ':MINE - [0:0]',
      '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A PREROUTING -m comment --comment "-j KUBE-SERVICES" -j MINE',
      '-A KUBE-SERVICES -j KUBE-NODEPORTS',
      '-A MINE -g KUBE-NODEPORTS',
      'COMMIT',
    ].join('\n'),
  );
  assert.deepEqual(own.others, [{ chain: 'MINE', target: 'KUBE-NODEPORTS' }]);
  assert.equal(
    removalText('nat', own),
    [
      '*nat',
      ':KUBE-SERVICES - [0:0]',
      ':KUBE-NODEPORTS - [0:0]',
      '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-X KUBE-SERVICES',
      'COMMIT',
      '',
    ].join('\n'),
  );
});
