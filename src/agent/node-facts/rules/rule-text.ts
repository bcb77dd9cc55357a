// Formats a rule for users, roughly as `nft` does: enough to find it.

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import { type Expression, record } from './rule-set.ts';

const mostCharacters = 120;

export function ruleText(rule: readonly Expression[]): string {
  const text = rule
    .map(partText)
    .filter((part) => part !== '')
    .join(' ');
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}...` : text;
}

function partText(expression: Expression): string {
  const [key = '', value] = Object.entries(expression)[0] ?? [];
  const fields = record(value) ?? {};
  switch (key) {
    case 'counter':
      return '';
    case 'match':
      return matchText(fields);
    case 'vmap':
      return `${valueText(fields['key'])} vmap ${mapText(fields['data'])}`;
    case 'xt':
      return extensionText(value as XtablesExpression | undefined);
    case 'jump':
    case 'goto':
      return `${key} ${String(fields['target'])}`;
    case 'limit':
      return `limit rate${over(fields)} ${String(fields['rate'])}/${String(fields['per'])}`;
    case 'ct count':
      return `ct count${over(fields)} ${String(fields['val'])}`;
    default:
      return key;
  }
}

// Without verdicts.
function mapText(data: unknown): string {
  const set = record(data)?.['set'];
  if (!Array.isArray(set)) return valueText(data);
  const keys = set.map((element: unknown) => (Array.isArray(element) ? element[0] : element));
  return valueText({ ...record(data), set: keys });
}

function extensionText(xt: XtablesExpression | undefined): string {
  if (xt === undefined) return '-m ?';
  return `${xt.kind === 'target' ? '-j' : '-m'} ${xt.name}`;
}

function over({ inv }: Expression): string {
  return inv === true ? ' over' : '';
}

function matchText({ op, left, right }: Expression): string {
  const operator = op === '==' || op === 'in' ? '' : `${String(op)} `;
  const value = typeof right === 'boolean' ? (right ? 'exists' : 'missing') : valueText(right);
  return `${valueText(left)} ${operator}${value}`;
}

export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(',');
  const fields = record(value);
  if (fields === undefined) return String(value);
  const { set, name, range, prefix, payload, concat, '&': masked } = fields;
  if (set !== undefined) return typeof name === 'string' ? name : `{ ${valueText(set)} }`;
  if (Array.isArray(range)) return range.map(valueText).join('-');
  if (prefix !== undefined) return Object.values(record(prefix) ?? {}).join('/');
  if (payload !== undefined) return Object.values(record(payload) ?? {}).join(' ');
  if (Array.isArray(concat)) return concat.map(valueText).join(' . ');
  if (Array.isArray(masked)) return masked.map(valueText).join(' & ');
  const [key = '', inner] = Object.entries(fields)[0] ?? [];
  const words = Object.values(record(inner) ?? {}).map(valueText);
  return key === 'meta' && /^[io]if/.test(words[0] ?? '')
    ? words.join(' ')
    : [key, ...words].join(' ');
}
