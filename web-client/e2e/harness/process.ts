/** Processes that are stopped by their id, together with everything they started. */
import { readdirSync, readFileSync } from 'node:fs';
import { expectNow, pause, until } from './until.ts';

/** A process of ours: a child, or one that a child left behind. */
export interface Process {
  readonly pid?: number | undefined;
  /** Nothing while it runs. */
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
}

/** What a child of ours started to go on without it: how it ends is told to nobody. */
export function leftBehind(pid: number): Process {
  return {
    pid,
    get exitCode() {
      return isRunning(pid) ? null : 0;
    },
    signalCode: null,
  };
}

/** Every process below `root` and `root` itself, as /proc shows them now. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name, in parentheses, may hold anything: the fields begin after its last one.
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {
      // It ended while we looked.
    }
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] ?? -1) ?? []));
  return tree;
}

/** Sends a signal to a child and to everything it started. */
export function signalTree(child: Process, name: NodeJS.Signals): void {
  if (child.pid !== undefined) for (const pid of processTree(child.pid)) signal(pid, name);
}

/** Kills a child and everything it started with SIGKILL, and waits until all of it is gone. */
export async function killTree(child: Process): Promise<void> {
  if (child.pid === undefined) return;
  await finish(child, processTree(child.pid));
}

/** Asks a child to stop; what is left of it and of what it started after `seconds` is killed. */
export async function stop(child: Process, seconds = 5): Promise<void> {
  if (child.pid === undefined) return;
  const tree = processTree(child.pid);
  if (lives(child)) {
    signal(child.pid, 'SIGTERM');
    await Promise.race([ended(child), pause(1_000 * seconds)]);
  }
  await finish(child, tree);
}

/** Whether a process exists and is not merely waiting for its parent to notice its end. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

async function finish(child: Process, tree: readonly number[]): Promise<void> {
  for (const pid of tree) signal(pid, 'SIGKILL');
  await ended(child);
  await until('the killed processes are gone', () => expectNow(!tree.some(isRunning), 'some run still'), {
    everyMs: 20,
  });
}

/** Resolves when a process is over, at once when it is already. */
export function ended(child: Process): Promise<void> {
  return until('a process ends', () => expectNow(!lives(child), `${child.pid} runs`), { everyMs: 20 });
}

/** Whether a process of ours is not over. */
export function lives({ exitCode, signalCode }: Process): boolean {
  return exitCode === null && signalCode === null;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}
