// Keeps what is wrong readable: what a thousand nodes have in common takes a few lines, not a thousand.

import { isPrintable, printable, sentenceLength } from '../base/printable.ts';
import type { ModelProblem } from './desired.ts';

/** Of as many alike as this each is told; of more the first, and how many more there are. */
const toldEach = 3;

// Names of pods and interfaces come from outside too.
function printableProblem(problem: ModelProblem): ModelProblem {
  const { object, text } = problem;
  const isShort = object.length <= sentenceLength && text.length <= sentenceLength;
  if (isShort && isPrintable(object) && isPrintable(text)) return problem;
  return { ...problem, object: printable(object), text: printable(text) };
}

/** In the order in which they come; how many more there are stands last. */
export function boundedProblems(problems: readonly ModelProblem[]): readonly ModelProblem[] {
  const counts = new Map<string, number>();
  const told = problems.map(printableProblem).filter(({ text, alike = text }) => {
    const count = (counts.get(alike) ?? 0) + 1;
    counts.set(alike, count);
    return count <= toldEach;
  });
  const more = [...counts].flatMap(([text, count]) =>
    count > toldEach ? [{ object: `${count - toldEach} more`, text }] : [],
  );
  return [...told, ...more];
}
