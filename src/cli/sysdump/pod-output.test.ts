import assert from 'node:assert/strict';
import { PassThrough, type Writable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Exec, Log } from '@kubernetes/client-node';
import { commandOutput, containerLog } from './pod-output.ts';

const pod = { namespace: 'kube-system', name: 'heddle-1', container: 'agent' };
const limits = { bytes: 10, ms: 60_000 };

type Status = (status: { readonly status: string; readonly message?: string }) => void;
type Connection = Awaited<ReturnType<Exec['exec']>>;

interface Streams {
  readonly output: Writable;
  readonly errors: Writable;
  readonly status: Status;
  readonly connection: FakeConnection;
}

class FakeConnection {
  isEnded = false;
  onclose: (() => void) | undefined;
  onmessage: (event: { readonly data: unknown }) => void = () => {
    throw new Error('Unknown stream: 9');
  };
  terminate(): void {
    this.isEnded = true;
  }
}

/** A pod that does `body` once the connection exists. */
function podThat(body: (streams: Streams) => void): {
  readonly exec: Pick<Exec, 'exec'>;
  readonly connection: FakeConnection;
} {
  const connection = new FakeConnection();
  const exec = async (...words: readonly unknown[]): Promise<Connection> => {
    const [, , , , output, errors, , , status] = words as readonly [
      ...[string, string, string, readonly string[], Writable, Writable, null, false, Status],
    ];
    setImmediate(() => body({ output, errors, status, connection }));
    return connection as unknown as Connection;
  };
  return { exec: { exec }, connection };
}

const failures: readonly (readonly [string, (streams: Streams) => void, RegExp])[] = [
  ['sends too much', ({ output }) => output.write(Buffer.alloc(11)), /^Error: more than 10 bytes$/],
  [
    'fails',
    ({ errors, status }) => {
      errors.write(Buffer.alloc(100_000, 'e'));
      status({ status: 'Failure', message: 'exit 1' });
    },
    /^Error: exit 1 e{4096}$/,
  ],
  [
    'sends an invalid message',
    ({ connection }) => connection.onmessage({ data: Buffer.from([9]) }),
    /malformed: Unknown stream: 9/,
  ],
  ['closes the connection', ({ connection }) => connection.onclose?.(), /the connection ended/],
  [
    'writes after its end',
    ({ errors }) => {
      errors.end();
      errors.write(Buffer.from('x'));
    },
    /write after end/,
  ],
];

for (const [what, body, reason] of failures) {
  test(`a command that ${what} is an error, and its connection ends`, async () => {
    const { exec, connection } = podThat(body);
    await assert.rejects(commandOutput(exec, pod, ['heddle'], limits), reason);
    assert.equal(connection.isEnded, true);
  });
}

test('the output of a command is returned, and its connection ends', async () => {
  const { exec, connection } = podThat(({ output, status }) => {
    for (const text of ['12345', '67890']) output.write(Buffer.from(text));
    // Not ours to end: the library would end standard output.
    connection.onmessage({ data: Buffer.from([255, 1]) });
    status({ status: 'Success' });
  });
  assert.equal(await commandOutput(exec, pod, ['heddle'], limits), '1234567890');
  assert.equal(connection.isEnded, true);
});

test('a connection ends after the time limit, also if it is made only then', async () => {
  const silent = podThat(() => undefined);
  const late = { bytes: 10, ms: 5 };
  await assert.rejects(commandOutput(silent.exec, pod, ['x'], late), /no answer within 0\.005 s/);
  assert.equal(silent.connection.isEnded, true);
  const { connection } = silent;
  let connect = (): void => undefined;
  const exec = (): Promise<Connection> =>
    new Promise((resolve) => {
      connect = () => resolve(connection as unknown as Connection);
    });
  connection.isEnded = false;
  await assert.rejects(commandOutput({ exec }, pod, ['x'], late), /no answer/);
  connect();
  await setTimeout(1);
  assert.equal(connection.isEnded, true);
});

function logOf(source: PassThrough, aborts: AbortController): Pick<Log, 'log'> {
  const log = async (...words: readonly unknown[]): Promise<AbortController> => {
    source.pipe(words[3] as Writable);
    aborts.signal.addEventListener('abort', () => source.destroy(new Error('aborted')));
    return aborts;
  };
  return { log };
}

test('a log is returned to its end, and one that is too long is an error', async () => {
  const options = { previous: false, tailLines: 7 };
  const source = new PassThrough();
  source.end('a log');
  const log = logOf(source, new AbortController());
  assert.equal(await containerLog(log, pod, options, limits), 'a log');
  const long = new PassThrough();
  long.write('a longer log');
  const aborts = new AbortController();
  await assert.rejects(containerLog(logOf(long, aborts), pod, options, limits), /more than 10 b/);
  assert.equal(aborts.signal.aborted, true);
});
