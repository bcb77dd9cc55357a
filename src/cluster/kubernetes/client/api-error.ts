// What can go wrong between us and the API server, in one sentence each, with what to do where somebody can do something.
// The server's own words are shown without credentials, on one line and cut.

import { errorText } from '../../../base/errors.ts';
import { shownServer, shownText } from './shown.ts';

/** The server answered, and the answer is no. */
export class ApiError extends Error {
  readonly status: number;
  /** Kubernetes' word for it: `Expired`, `Forbidden`. */
  readonly reason: string;
  /** How long the server asks us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(answer: {
    readonly request: string;
    readonly status: number;
    readonly reason?: string | undefined;
    readonly message?: string | undefined;
    readonly retryAfterMs?: number | undefined;
    /** What we know of the cause and the server does not say. */
    readonly why?: string | undefined;
  }) {
    const { request, status, reason = '', message = '' } = answer;
    const said = shownText([reason, message].filter(Boolean).join(': '));
    const hint = answer.why === undefined ? advice(status, message) : ` (${answer.why})`;
    super(`${request}: ${status}${said && ` ${said}`}${hint}`);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** No answer came: no connection, no trust, or silence. */
export class ConnectionError extends Error {
  /** The address that was tried last, without credentials. */
  readonly server: string;

  /** `before`: what became of the addresses that were tried first, all of which the sentence names. */
  constructor(server: string, cause: unknown, before: readonly ConnectionError[] = []) {
    const shown = shownServer(server);
    const texts = [...before.map(({ message }) => message), `${shown}: ${connectionText(cause)}`];
    super(texts.join('; '), { cause });
    this.name = 'ConnectionError';
    this.server = shown;
  }

  /** It may have been too much for the time there is. */
  get isTimeout(): boolean {
    return codeOf(this.cause) === 'ETIMEDOUT';
  }
}

/** The server answered, with something that is no answer to what was asked: a page in HTML, half an object, another kind. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
}

/** The version we know is too old (or, after a restore of etcd, too new) to go on from: everything must be listed. */
export function isExpired(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const isTooNew = /too large resource version/i.test(error.message);
  return error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone' || isTooNew;
}

function advice(status: number, message: string): string {
  const [, policy] = /ValidatingAdmissionPolicy '([^']{1,63})'/.exec(message) ?? [];
  if (policy !== undefined) {
    return ` (the admission policy ${shownText(policy)} refused it; apply the manifests of this version again; API servers before 1.32 need ownNodePolicy: false)`;
  }
  if (/admission webhook/.test(message)) return ' (an admission webhook of the cluster refused it)';
  if (status >= 300 && status < 400) return ' (redirects are not followed)';
  if (status === 401) return ' (it does not know our credentials: are they of another cluster?)';
  if (status === 403) return " (the agent's ClusterRole lacks this; apply the manifests again)";
  return '';
}

function connectionText(cause: unknown): string {
  const code = codeOf(cause);
  const message = shownText(errorText(cause));
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return "its certificate has expired: renew the API server's certificate, or set this node's clock";
    case 'CERT_NOT_YET_VALID':
      return "its certificate is not valid yet: set this node's clock";
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate is for another name (${message}): use an address that it names, or set cluster.kubernetes.tlsServerName`;
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return 'its certificate is not of the CA in our credentials: is this address of another cluster, or has the CA been replaced?';
    case 'ECONNREFUSED':
      return 'connection refused: is the API server running there?';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no route to it (${code})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be resolved: give an address in place of a name';
    case 'ETIMEDOUT':
      return `no answer in time${message && ` (${message})`}`;
    case 'ERR_INVALID_URL':
      return 'is not the address of an API server (https://192.0.2.1:6443)';
    case 'HPE_HEADER_OVERFLOW':
      return 'the headers of its answer are longer than 16 KiB';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection broke';
    default:
      return code === undefined ? message : `${message} (${code})`;
  }
}

// Where several addresses of a name failed, Node wraps their errors.
function codeOf(cause: unknown): string | undefined {
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return undefined;
}
