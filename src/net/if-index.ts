// A network interface's index within its network namespace (what `ip -o link` prints first).

import type { Brand } from '../base/brand.ts';

export type IfIndex = Brand<number, 'IfIndex'>;
