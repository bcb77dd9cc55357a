// Errors of requests to the API server, in one sentence each, with a remedy if there is one. The server's own text is
// shown on one line, shortened and without credentials.

import { errorText } from '../../../base/errors.ts';
import { shownServer, shownText } from './shown.ts';

/** The server answered and refused the request. */
export class ApiError extends Error {
  /** `list nodes` */
  readonly request: string;
  /** The message without the request. */
  readonly detail: string;
  readonly status: number;
  /** Kubernetes' reason: `Expired`, `Forbidden`. */
  readonly reason: string;
  /** How long the server asks the client to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(answer: {
    readonly request: string;
    readonly status: number;
    readonly reason?: string | undefined;
    readonly message?: string | undefined;
    readonly retryAfterMs?: number | undefined;
    /** A known cause that the server's answer does not mention. */
    readonly why?: string | undefined;
  }) {
    const { request, status, reason = '', message = '' } = answer;
    const said = shownText([reason, message].filter(Boolean).join(': '));
    const hint = answer.why === undefined ? advice(status, message) : ` (${answer.why})`;
    const detail = `${status}${said && ` ${said}`}${hint}`;
    super(`${request}: ${detail}`);
    this.name = 'ApiError';
    this.request = request;
    this.detail = detail;
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** There was no answer: no connection, no trust, or a timeout. */
export class ConnectionError extends Error {
  /** The last address tried, without credentials. */
  readonly server: string;

  /** `before`: failures of the addresses tried first. The message names all of them. */
  constructor(server: string, cause: unknown, before: readonly ConnectionError[] = []) {
    const shown = shownServer(server);
    const texts = [...before.map(({ message }) => message), `${shown}: ${connectionText(cause)}`];
    super(texts.join('; '), { cause });
    this.name = 'ConnectionError';
    this.server = shown;
  }

  /** Whether the request may have been too large for the time limit. */
  get isTimeout(): boolean {
    return codeOf(this.cause) === 'ETIMEDOUT';
  }
}

/** The server's answer does not fit the request: an HTML page, half an object, another kind. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly request: string | undefined;
  /** The message without the request. */
  readonly detail: string;

  /** `request`: `list nodes`, if it is known. */
  constructor(detail: string, request?: string) {
    super(request === undefined ? detail : `${request}: ${detail}`);
    this.request = request;
    this.detail = detail;
  }
}

/** The known version is too old (or, after a restore of etcd, too new) to continue from. A full list is needed. */
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
  if (status === 401)
    return " (it does not accept the agent's credentials: do they belong to another cluster?)";
  if (status === 403) return " (the agent's ClusterRole lacks this; apply the manifests again)";
  return '';
}

function connectionText(cause: unknown): string {
  const code = codeOf(cause);
  const message = shownText(errorText(cause));
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return "its certificate has expired: renew the API server's certificate, or correct this node's clock";
    case 'CERT_NOT_YET_VALID':
      return "its certificate is not valid yet: correct this node's clock";
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate is for another name (${message}): use an address that the certificate contains, or set cluster.kubernetes.tlsServerName`;
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return "its certificate is not signed by the CA in the agent's credentials: does this address belong to another cluster, or was the CA replaced?";
    case 'ECONNREFUSED':
      return 'connection refused: is the API server running there?';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no route to it (${code})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be resolved: use an address instead of a name';
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

// Node.js wraps the errors if several addresses of a name failed.
function codeOf(cause: unknown): string | undefined {
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return undefined;
}
