// Tables of iptables-legacy, read without a pause.

import { legacyReading } from '../../src/agent/node-facts/rules/legacy-text.ts';
import type { RuleSet } from '../../src/agent/node-facts/rules/rule-set.ts';

/** `text`: the output of `iptables-legacy-save`. */
export function readLegacyTables(family: 'ip' | 'ip6', text: string): readonly RuleSet[] {
  const reading = legacyReading(family, text);
  for (;;) {
    const { done, value } = reading.next();
    if (done === true) return value;
  }
}
