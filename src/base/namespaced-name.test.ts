import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podOrContainer } from './namespaced-name.ts';

test('a pod is named by namespace and name, a container by the start of its id', () => {
  const containerId = '0123456789abcdef';
  const pod = { namespace: 'shop', name: 'web-1' };
  assert.equal(podOrContainer({ pod, containerId }), 'shop/web-1');
  assert.equal(podOrContainer({ containerId }), 'container 0123456789ab');
});
