// What every command that shows an agent's data has in common: where it asks, and how it prints the answer.

import { Command, Option } from 'commander';
import type { AgentClient } from './client.ts';
import { type Style, styleFor } from './render/style.ts';
import { chooseTargets, defaultSocket, type TargetOptions, type Targets } from './targets.ts';

export interface DataOptions extends TargetOptions {
  readonly output: 'text' | 'json';
}

/** A command with the options of all data commands. */
export function dataCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'),
    )
    .option('--socket <path>', `the agent's socket (default: HEDDLE_SOCKET, or ${defaultSocket})`)
    .option('--lab <name>', 'ask the nodes of this lab')
    .option('--node <name>', 'ask only this node of the lab');
}

export interface Question<Answer> {
  readonly ask: (client: AgentClient) => Promise<Answer>;
  readonly render: (answer: Answer, style: Style) => string;
}

/**
 * Prints the answer; of a lab's nodes one below the other. JSON is the agent's answer as it is, or for several nodes an
 * object with each node's answer under its name. Returns the answers.
 */
export async function answerQuestion<Answer>(
  options: DataOptions,
  question: Question<Answer>,
): Promise<readonly Answer[]> {
  const targets = await chooseTargets(options);
  const answers = await askAll(targets, question);
  if (options.output === 'json') console.log(json(targets, answers));
  else console.log(texts(targets, answers, question.render).join('\n\n'));
  return [...answers.values()];
}

/** For standard output. */
export function outputStyle(): Style {
  return styleFor({ isTerminal: process.stdout.isTTY === true, env: process.env });
}

async function askAll<Answer>(
  { clients }: Targets,
  { ask }: Question<Answer>,
): Promise<ReadonlyMap<string, Answer>> {
  const asked = [...clients].map(
    async ([name, client]): Promise<[string, Answer]> => [name, await ask(client)],
  );
  return new Map(await Promise.all(asked));
}

function json<Answer>({ several }: Targets, answers: ReadonlyMap<string, Answer>): string {
  const [only] = answers.values();
  return JSON.stringify(several ? Object.fromEntries(answers) : only, undefined, 2);
}

function texts<Answer>(
  { several }: Targets,
  answers: ReadonlyMap<string, Answer>,
  render: Question<Answer>['render'],
): readonly string[] {
  const style = outputStyle();
  return [...answers].map(([name, answer]) => {
    const text = render(answer, style);
    return !several || text.startsWith(`${name}:`) ? text : `${name}:\n${text}`;
  });
}
