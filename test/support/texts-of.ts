// The texts of problems.

export function textsOf(problems: readonly { readonly text: string }[]): string {
  return problems.map(({ text }) => text).join('\n');
}
