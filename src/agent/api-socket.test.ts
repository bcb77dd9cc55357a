import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServer } from './api.ts';
import { ApiSocket } from './api-socket.ts';

class FakeServer implements ApiServer {
  isThere = true;
  isClosed = false;
  connectionsClosed = false;
  readonly ended = new Promise<void>(() => undefined);
  isReachable(): boolean {
    return this.isThere;
  }
  close(): void {
    this.isClosed = true;
  }
  closeAllConnections(): void {
    this.connectionsClosed = true;
  }
}

test('a file that is gone is listened on again, after what keeps it from that is told', async () => {
  const made: FakeServer[] = [];
  const problems: (string | undefined)[] = [];
  let refusals = 0;
  let tellRestored = (): void => undefined;
  const restored = new Promise<void>((resolve) => {
    tellRestored = resolve;
  });
  const socket = await ApiSocket.open({
    periodMs: 1,
    listen: async () => {
      if (refusals-- > 0) throw new Error('no');
      const server = new FakeServer();
      made.push(server);
      return server;
    },
    onProblem: (problem) => problems.push(problem),
    onRestored: () => tellRestored(),
  });
  refusals = 2;
  const [first] = made;
  assert.ok(first);
  first.isThere = false;
  await restored;
  assert.deepEqual(problems, ['no', 'no', undefined]);
  assert.equal(first.isClosed, true);
  assert.equal(first.connectionsClosed, false, 'what was asked by it is answered');
  socket.end();
  assert.deepEqual(
    made.map(({ isClosed, connectionsClosed }) => [isClosed, connectionsClosed]),
    [
      [true, true],
      [true, true],
    ],
  );
});
