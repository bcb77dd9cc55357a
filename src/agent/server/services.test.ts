import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { ServiceExplanation, ServiceView } from '../../api/services.ts';
import { InputError } from '../../base/input-error.ts';
import { answerServices, type ServiceSources } from './services.ts';

const sources: ServiceSources = {
  list: () => [],
  find: (name) => (name === 'shop/web' ? [{ name } as ServiceView] : []),
  explain: ({ from, to }) => {
    if (from === '') throw new InputError({ object: 'client', value: from, rule: 'is not a pod' });
    return { outcome: 'no service', reasons: [from, to] } as unknown as ServiceExplanation;
  },
  connections: () => assert.fail('service-connections.test.ts'),
};

async function ask(path: string): Promise<readonly unknown[]> {
  const told: unknown[] = [];
  const response = {
    writeHead: (status: number) => {
      told.push(status);
      return { end: (text: string) => told.push(JSON.parse(text)) };
    },
  };
  const url = new URL(path, 'http://agent');
  const isOurs = await answerServices(url, response as unknown as ServerResponse, sources);
  return [isOurs, ...told];
}

const cases: readonly (readonly [string, readonly unknown[]])[] = [
  ['/v1/services', [true, 200, []]],
  ['/v1/services?name=shop%2Fweb', [true, 200, [{ name: 'shop/web' }]]],
  [
    '/v1/services?name=db',
    [
      true,
      404,
      { error: 'db: no Service of this name has a cluster address (heddle services lists them)' },
    ],
  ],
  [
    '/v1/services/explain?from=node&to=10.96.0.1:80/udp',
    [true, 200, { outcome: 'no service', reasons: ['node', '10.96.0.1:80/udp'] }],
  ],
  ['/v1/services/explain', [true, 400, { error: 'client: "" is not a pod' }]],
  ['/v1/services/other', [false]],
];

for (const [path, answer] of cases) {
  test(`GET ${path}`, async () => assert.deepEqual(await ask(path), answer));
}
