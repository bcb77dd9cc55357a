import assert from 'node:assert/strict';
import { nftChanges, ruleBytes } from '../../src/kernel/netfilter/nft-changes.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

rootTest(
  'each transaction wakes a reader, whoever sent it and however large it is',
  async (context) => {
    const namespace = testNamespace(context);
    const stop = new AbortController();
    const changes = nftChanges({ namespace, signal: stop.signal })[Symbol.asyncIterator]();
    const elements = Array.from({ length: 5000 }, (_, index) => index + 1).join(', ');
    const transactions = [
      'add table inet other',
      `add set inet other ports { type inet_service; elements = { ${elements} }; }`,
      'flush ruleset',
    ];
    for (const transaction of transactions) {
      const next = changes.next();
      runIn(namespace, 'nft', transaction);
      assert.deepEqual(await next, { value: 'changed', done: false });
    }
    const next = changes.next();
    stop.abort();
    assert.equal((await next).done, true);
  },
);

rootTest(
  'the bytes of rules differ when a rule is replaced, and are the same when a counter counts',
  (context) => {
    const namespace = testNamespace(context);
    using socket = NetlinkSocket.open({ namespace, family: 'netfilter' });
    const read = (): string => ruleBytes(socket, 'heddle').toString('hex');
    const table = `table inet heddle {
    counter seen { }
    chain c { type filter hook output priority 0; icmp type echo-request counter name seen; }
  }`;
    assert.equal(read(), '');
    runIn(namespace, 'nft', table);
    const written = read();
    assert.notEqual(written, '');
    runIn(namespace, 'ip', 'link', 'set', 'lo', 'up');
    runIn(namespace, 'busybox', 'ping', '-c', '1', '127.0.0.1');
    assert.match(runIn(namespace, 'nft', 'list', 'counters'), /packets [1-9]/);
    assert.equal(read(), written, 'a counter counted');
    runIn(
      namespace,
      'nft',
      'add table inet other; add chain inet other c; add rule inet other c accept',
    );
    assert.equal(read(), written, "another table's rules");
    runIn(namespace, 'nft', `delete table inet heddle; ${table}`);
    assert.notEqual(read(), written, 'the same rules in another table');
    const again = read();
    runIn(namespace, 'nft', 'flush table inet heddle');
    assert.notEqual(read(), again);
    runIn(namespace, 'nft', 'delete table inet heddle');
    assert.equal(read(), '');
  },
);
