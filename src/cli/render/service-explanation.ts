// `heddle services explain`: the first line is the answer.

import type { ServiceExplanation } from '../../api/services.ts';
import { frontendText, hostText, renderBackends, translatorText } from './services.ts';
import type { Style } from './style.ts';
import { plural } from './units.ts';

export function renderExplanation(explanation: ServiceExplanation, style: Style): string {
  const { reasons, service, frontend, backends } = explanation;
  const of = service === undefined ? [] : [`Service ${service}`];
  const at = frontend === undefined ? [] : [`${frontend.kind} ${frontendText(frontend)}`];
  return [
    translatorText(explanation.translatedBy),
    '',
    headline(explanation, style),
    ...[...of, ...at, ...reasons].map((line) => `  ${line}`),
    ...(backends.length === 0 ? [] : ['', renderBackends(backends, style)]),
  ].join('\n');
}

function headline({ from, to, outcome, backends }: ServiceExplanation, style: Style): string {
  const client = from.kind === 'outside' ? from.address : `${from.kind} ${from.address}`;
  const way = `${client} to ${hostText(to.address)}:${to.port}/${to.protocol}`;
  const used = backends.filter(({ unused }) => unused === undefined).length;
  switch (outcome) {
    case 'backends':
      return `${way}: one of ${plural(used, 'backend')}`;
    case 'refused':
      return `${way}: ${style.alarm('refused')}`;
    case 'dropped':
      return `${way}: ${style.alarm('dropped')}`;
    case 'no service':
      return `${way}: no Service, sent as it is`;
  }
}
