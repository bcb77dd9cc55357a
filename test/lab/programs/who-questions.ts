// A question to one address, answered by `who serve`: `{"by": NAME, "peer": ADDRESS, "peerPort": PORT}`, "refused", "unreachable" or
// "silence".

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

export interface WhoOptions {
  /** How long nothing has to come for "silence". */
  readonly patienceMs: number;
  /**
   * How long the socket stays open after the question, to hear an answer after "silence". Less than a second, after
   * which TCP repeats its question to whoever is there by then. Default: patienceMs.
   */
  readonly openMs?: number;
  readonly onLate?: (outcome: unknown) => void;
}

/** `target`: `tcp,80,10.96.0.1`, or `tcp,80,10.96.0.1,30080` to ask from port 30080. */
export function askWho(target: string, options: WhoOptions): Promise<unknown> {
  const [protocol = '', port = '', address = '', from] = target.split(',');
  const to = { port: Number(port), address, ...(from !== undefined && { from: Number(from) }) };
  return new Promise((resolve) => {
    const question = new Question(options, resolve);
    if (protocol === 'tcp') askTcp(question, to);
    else askUdp(question, to);
  });
}

interface Asked {
  readonly address: string;
  readonly port: number;
  readonly from?: number;
}

export function outcomeOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'ECONNREFUSED') return 'refused';
  return code === 'EHOSTUNREACH' || code === 'ENETUNREACH' ? 'unreachable' : `${code}`;
}

/** Ends once. What comes between the end of the patience and that of the socket is late. */
class Question {
  close: () => void = () => undefined;
  readonly #options: WhoOptions;
  readonly #resolve: (outcome: unknown) => void;
  readonly #askedMs = performance.now();
  #timer: NodeJS.Timeout;
  #isSilent = false;

  constructor(options: WhoOptions, resolve: (outcome: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#keepOpen(), options.patienceMs);
  }

  end(outcome: unknown): void {
    const { onLate, openMs = 0 } = this.#options;
    clearTimeout(this.#timer);
    this.close();
    if (!this.#isSilent) this.#resolve(outcome);
    else if (performance.now() - this.#askedMs < openMs) onLate?.(outcome);
  }

  #keepOpen(): void {
    const { patienceMs, openMs = patienceMs } = this.#options;
    this.#isSilent = true;
    this.#resolve('silence');
    this.#timer = setTimeout(() => this.close(), openMs - patienceMs);
  }
}

function askTcp(question: Question, { address, port, from }: Asked): void {
  const socket = connect({ port, host: address, ...(from !== undefined && { localPort: from }) });
  let text = '';
  question.close = () => socket.destroy();
  socket.setEncoding('utf8');
  socket.on('data', (piece: string) => {
    text += piece;
  });
  socket.on('end', () => question.end(JSON.parse(text)));
  socket.on('error', (error: NodeJS.ErrnoException) => question.end(outcomeOf(error)));
}

// Each question has another source port, or it would belong to the flow of an earlier one.
const ports = { first: 20_000, count: 12_000 };
let asked = 0;

/** Not connected would not hear an ICMP error; an answer from another address would be lost. */
function askUdp(question: Question, { address, port, ...asking }: Asked): void {
  const isV6 = address.includes(':');
  // The same port may be asked from by IPv4.
  const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 });
  let isClosed = false;
  question.close = () => {
    if (!isClosed) socket.close();
    isClosed = true;
  };
  socket.on('error', (error: NodeJS.ErrnoException) => question.end(outcomeOf(error)));
  socket.on('message', (text) => question.end(JSON.parse(`${text}`)));
  const from = asking.from ?? ports.first + (asked++ % ports.count);
  socket.bind({ port: from, address: isV6 ? '::' : '0.0.0.0' }, () => {
    if (isClosed) return;
    socket.connect(port, address, (error?: NodeJS.ErrnoException) => {
      if (error) question.end(outcomeOf(error));
      else if (!isClosed) socket.send('who?');
    });
  });
}
