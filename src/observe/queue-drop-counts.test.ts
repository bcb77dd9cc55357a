import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { QueueDropCounts } from './queue-drop-counts.ts';

const [first, second, free] = [1, 2, 3].map((id) => ({ id }) as LocalEndpoint);

/** The kernel's counts at one moment, and the expected count then. */
const moments: readonly (readonly [
  Iterable<[LocalEndpoint | undefined, number | undefined]>,
  number,
])[] = [
  [[], 0],
  [
    [
      [first, 0],
      [free, undefined],
    ],
    0,
  ],
  [
    [
      [first, 7],
      [free, undefined],
    ],
    7,
  ],
  [
    [
      [first, 9],
      [second, 5],
      [free, undefined],
    ],
    14,
  ],
  // A pod is deleted with its queue.
  [
    [
      [second, 6],
      [free, undefined],
    ],
    15,
  ],
  // Another process has recreated the queue.
  [
    [
      [second, 1],
      [free, undefined],
    ],
    16,
  ],
  [[], 16],
];

test('queue drops add up over added and deleted pods', () => {
  let now = new Map<LocalEndpoint | undefined, number | undefined>();
  const counts = new QueueDropCounts({
    endpoints: () => [...now.keys()].filter((endpoint) => endpoint !== undefined),
    drops: (endpoint) => now.get(endpoint),
  });
  for (const [kernel, expected] of moments) {
    now = new Map(kernel);
    assert.equal(counts.total(), expected);
    assert.equal(counts.total(), expected, 'asked twice');
  }
});
