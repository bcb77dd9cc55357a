// Keeps problems readable: a problem shared by a thousand nodes takes a few lines, not a thousand.

import { isPrintable, printable, sentenceLength } from '../base/printable.ts';
import type { ModelProblem } from './desired.ts';

/** Up to this many similar problems are listed one by one; beyond that, the first few and a count of the rest. */
export const toldEach = 3;

// Names of pods and interfaces come from outside, too.
function printableProblem(problem: ModelProblem): ModelProblem {
  const { object, text } = problem;
  const isShort = object.length <= sentenceLength && text.length <= sentenceLength;
  if (isShort && isPrintable(object) && isPrintable(text)) return problem;
  return { ...problem, object: printable(object), text: printable(text) };
}

/** In order of occurrence; the count of the rest comes last. */
export function boundedProblems(problems: readonly ModelProblem[]): readonly ModelProblem[] {
  const counts = new Map<string, number>();
  const told = problems.filter(({ text, alike = text }) => {
    const count = (counts.get(alike) ?? 0) + 1;
    counts.set(alike, count);
    return count <= toldEach;
  });
  const more = [...counts].flatMap(([text, count]) =>
    count > toldEach ? [{ object: `${count - toldEach} more`, text }] : [],
  );
  // Texts are searched for unprintable characters only where they are told.
  return [...told, ...more].map(printableProblem);
}
