// Common parts of the commands that show an agent's data: choosing the agents and printing their answers.

import { Command, Option } from 'commander';
import { defaultSocket } from '../api/socket.ts';
import { printable, printableJson, printableStrings } from '../base/printable.ts';
import type { AgentClient } from './client/client.ts';
import { CommandError, RefusalError } from './client/command-error.ts';
import { chooseTargets, type TargetOptions, type Targets } from './client/targets.ts';
import { type Style, styleFor } from './render/style.ts';

export interface DataOptions extends TargetOptions {
  readonly output: 'text' | 'json';
}

/** Creates a command with the options of all data commands. */
export function dataCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('-o, --output <format>', 'output format')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--socket <path>', `the agent's socket (default: HEDDLE_SOCKET, or ${defaultSocket})`)
    .option('--lab <name>', 'query the nodes of this lab')
    .option('--node <name>', 'query only this node of the lab');
}

export interface Question<Answer> {
  readonly ask: (client: AgentClient) => Promise<Answer>;
  readonly render: (answer: Answer, style: Style) => string;
  /** The result of `render` begins with the node's name. */
  readonly isTitled?: true;
}

/**
 * Prints the answers, one section per node of a lab, and returns them. JSON is the agent's answer unchanged, or for
 * several nodes an object with each node's answer under its name. If a node of a lab does not answer, the output says
 * so and the exit code is 1.
 */
export async function answerQuestion<Answer>(
  options: DataOptions,
  question: Question<Answer>,
): Promise<readonly Answer[]> {
  const targets = await chooseTargets(options);
  const replies = await askAll(targets, question);
  if (options.output === 'json') console.log(json(targets, replies));
  else console.log(texts(targets, replies, question).join('\n\n'));
  if (replies.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
  return replies.flatMap(({ answer }) => answer ?? []);
}

/** The style for standard output. */
export function outputStyle(): Style {
  return styleFor({ isTerminal: process.stdout.isTTY === true, env: process.env });
}

interface Reply<Answer> {
  readonly name: string;
  readonly answer?: Answer;
  readonly failure?: CommandError;
}

async function askAll<Answer>(
  { clients, several }: Targets,
  { ask }: Question<Answer>,
): Promise<readonly Reply<Answer>[]> {
  const asked = [...clients].map(async ([name, client]): Promise<Reply<Answer>> => {
    try {
      return { name, answer: await ask(client) };
    } catch (error) {
      if (several && error instanceof CommandError) return { name, failure: error };
      throw error;
    }
  });
  return await Promise.all(asked);
}

function json<Answer>({ several }: Targets, replies: readonly Reply<Answer>[]): string {
  const byName = replies.map(({ name, answer, failure }) => [
    name,
    answer ?? { error: failure?.message },
  ]);
  const value = several ? Object.fromEntries(byName) : replies[0]?.answer;
  return printableJson(JSON.stringify(value, undefined, 2) ?? '');
}

function texts<Answer>(
  { several }: Targets,
  replies: readonly Reply<Answer>[],
  { render, isTitled }: Question<Answer>,
): readonly string[] {
  const style = outputStyle();
  return replies.map(({ name, answer, failure }) => {
    if (answer === undefined) {
      const what = failure instanceof RefusalError ? 'REFUSED' : 'NO ANSWER';
      return `${name}: ${style.alarm(what)}: ${printable(failure?.message ?? '')}`;
    }
    // Names, addresses and texts in the answer come from others. Only the style adds escape sequences.
    const text = render(printableStrings(answer), style);
    return !several || isTitled ? text : `${name}:\n${text}`;
  });
}
