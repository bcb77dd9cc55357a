import assert from 'node:assert/strict';
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const forwarding = 'net/ipv4/ip_forward';

rootTest(
  'a parameter written inside a namespace is read back there and nowhere else',
  (context) => {
    const [one, other] = [testNamespace(context), testNamespace(context)];
    const host = readSysctl(forwarding);
    for (const value of [1, '0', 1]) {
      one.run(() => writeSysctl(forwarding, value));
      assert.equal(
        one.run(() => readSysctl(forwarding)),
        String(value),
      );
    }
    assert.equal(
      other.run(() => readSysctl(forwarding)),
      '0',
    );
    assert.equal(readSysctl(forwarding), host);
  },
);

rootTest('a name that is not a parameter and an invalid value are refused by name', (context) => {
  const namespace = testNamespace(context);
  namespace.run(() => {
    assert.throws(() => readSysctl('net/ipv4/nothing'), {
      message: 'sysctl read net/ipv4/nothing: ENOENT',
    });
    assert.throws(() => writeSysctl('net/ipv4/nothing', 1), { code: 'ENOENT' });
    assert.throws(() => writeSysctl(forwarding, 'often'), {
      message: 'sysctl write net/ipv4/ip_forward = often: EINVAL',
    });
  });
});
