// The objects that every part of the experiment uses.

import type { BareApiServer } from '../../test/kube/api/bare-api-server.ts';
import type { AgentProcess } from './agent-process.ts';
import type { ApiWriter } from './api-writer.ts';

export interface Parts {
  readonly server: BareApiServer;
  readonly writer: ApiWriter;
  readonly agent: AgentProcess;
  readonly pinDir: string;
  readonly isQuick: boolean;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}
