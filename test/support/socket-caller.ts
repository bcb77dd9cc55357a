// A process whose system calls a test makes, one after the other (test/kernel/programs/socket-calls.ts).

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { placeOf } from './namespaces.ts';

export type SocketKind = 'tcp' | 'udp' | 'mptcp';

/** `address` may be an IPv4 address in mapped form, for an IPv6 socket. */
export interface SocketEnd {
  readonly address: string;
  readonly port: number;
}

export type SocketCall =
  | { readonly call: 'open'; readonly kind: SocketKind; readonly family: 4 | 6 }
  | { readonly call: 'bind' | 'connect'; readonly fd: number; readonly to: SocketEnd }
  | { readonly call: 'send'; readonly fd: number; readonly to?: SocketEnd | undefined }
  | {
      readonly call: 'peer' | 'receive' | 'close' | 'disconnect' | 'sharePort';
      readonly fd: number;
    }
  | {
      readonly call: 'connectRepeatedly' | 'askRepeatedly';
      readonly to: SocketEnd;
      readonly forMs: number;
      readonly most: number;
    };

export type SocketResult = { readonly value: unknown } | { readonly errno: string };

/** A call failed with this errno. */
export class CallError extends Error {}

export interface Received {
  readonly text: string;
  readonly from: SocketEnd;
}

interface Limits {
  readonly forMs: number;
  readonly most: number;
}

export type OutcomeCounts = Readonly<Record<string, number>>;

/** A program of test/kernel/programs that reads and writes lines. */
export class LineProgram {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(namespace: NetworkNamespace, name: string, args: readonly string[]) {
    const program = fileURLToPath(new URL(`../kernel/programs/${name}.js`, import.meta.url));
    const net = `--net=${placeOf(namespace).namespacePath}`;
    this.#child = spawn('nsenter', [net, process.execPath, program, ...args]);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    assert.ok(!done, 'the program has ended');
    return value;
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

export class SocketCaller {
  readonly #program: LineProgram;

  private constructor(program: LineProgram) {
    this.#program = program;
  }

  /** The process is in this namespace and cgroup. */
  static async start(namespace: NetworkNamespace, cgroup: string): Promise<SocketCaller> {
    const program = new LineProgram(namespace, 'socket-calls', [cgroup]);
    assert.equal(await program.line(), 'ready');
    return new SocketCaller(program);
  }

  open(kind: SocketKind, family: 4 | 6): Promise<number> {
    return this.#call({ call: 'open', kind, family });
  }

  bind(fd: number, to: SocketEnd): Promise<void> {
    return this.#call({ call: 'bind', fd, to });
  }

  connect(fd: number, to: SocketEnd): Promise<void> {
    return this.#call({ call: 'connect', fd, to });
  }

  /** Of UDP: connects to AF_UNSPEC. */
  disconnect(fd: number): Promise<void> {
    return this.#call({ call: 'disconnect', fd });
  }

  /** SO_REUSEADDR. */
  sharePort(fd: number): Promise<void> {
    return this.#call({ call: 'sharePort', fd });
  }

  peer(fd: number): Promise<SocketEnd> {
    return this.#call({ call: 'peer', fd });
  }

  send(fd: number, to?: SocketEnd): Promise<void> {
    return this.#call({ call: 'send', fd, to });
  }

  receive(fd: number): Promise<Received> {
    return this.#call({ call: 'receive', fd });
  }

  close(fd: number): Promise<void> {
    return this.#call({ call: 'close', fd });
  }

  /** Number of connections by the server that answered or the error. */
  connectRepeatedly(to: SocketEnd, limits: Limits): Promise<OutcomeCounts> {
    return this.#call({ call: 'connectRepeatedly', to, ...limits });
  }

  /** The same of datagrams, by one socket. `A > B`: B answered after A. */
  askRepeatedly(to: SocketEnd, limits: Limits): Promise<OutcomeCounts> {
    return this.#call({ call: 'askRepeatedly', to, ...limits });
  }

  end(): Promise<void> {
    return this.#program.end();
  }

  async #call<Value>(call: SocketCall): Promise<Value> {
    this.#program.write(JSON.stringify(call));
    const result = JSON.parse(await this.#program.line()) as SocketResult;
    if ('errno' in result) throw new CallError(result.errno);
    return result.value as Value;
  }
}
