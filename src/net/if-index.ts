// Index of a network interface in its network namespace (the first column of `ip -o link`).

import type { Brand } from '../base/brand.ts';

export type IfIndex = Brand<number, 'IfIndex'>;
