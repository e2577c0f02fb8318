/**
 * Figures of the ways back with real browsers, for docs/BENCHMARKS.md: nothing is asserted of how long
 * something took, because that depends on the machine and on what else it does.
 *
 *   npm run e2e:figures -- NAME… [--repeat 100]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Server } from '../harness/server.ts';
import { Stage } from '../harness/stage.ts';
import { Turn } from '../harness/turn.ts';
import { FIGURES, type Round } from './figures.ts';

/** A repetition that takes longer is a failure, and one fails the run. */
const ROUND_SECONDS = 40;
const PREPARATION_SECONDS = 90;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { repeat: { type: 'string', default: '100' } },
});
const repeat = Number(values.repeat);
const unknown = positionals.filter((name) => FIGURES[name] === undefined);
if (positionals.length === 0 || unknown.length > 0 || !Number.isInteger(repeat) || repeat < 1) {
  console.error(`usage: npm run e2e:figures -- NAME… [--repeat 100]; the names are:`);
  for (const [name, { what, aim }] of Object.entries(FIGURES)) console.error(`  ${name}: ${what} (${aim})`);
  process.exit(2);
}

for (const name of positionals) await measure(name);

async function measure(name: string): Promise<void> {
  const figure = FIGURES[name];
  if (figure === undefined) throw new Error(`no figure is called ${name}`);
  const loads = [loadavg()[0] ?? 0];
  const turn = figure.relayed && (await Turn.start());
  const exitAfter = PREPARATION_SECONDS + repeat * ROUND_SECONDS;
  const stage = new Stage(await Server.start({ exitAfter, args: turn?.args() }));
  stage.closing.push(() => turn?.close());
  const rounds: Round[] = [];
  const began = performance.now();
  try {
    const round = await within(PREPARATION_SECONDS, 'the preparation', figure.prepare(stage, turn));
    for (let i = 1; i <= repeat; i++) {
      rounds.push(await within(ROUND_SECONDS, `repetition ${i}`, round()));
      loads.push(loadavg()[0] ?? 0);
      if (process.stderr.isTTY) process.stderr.write(`\r${name}: ${i} of ${repeat}`);
    }
  } catch (error) {
    await stage.explain(name, error);
    throw error;
  } finally {
    await stage.close();
  }
  const seconds = Math.round((performance.now() - began) / 1_000);
  const [least, most] = [Math.min(...loads), Math.max(...loads)].map((load) => load.toFixed(1));
  console.log(`\n${figure.what}; ${figure.aim}`);
  console.log(`${repeat} repetitions in ${seconds} s, load average ${least} to ${most}; milliseconds\n`);
  console.log('| what | p50 | p95 | p99 | max |\n|---|---|---|---|---|');
  for (const [of, all] of series(rounds)) {
    const at = (share: number) => Math.round(all[Math.ceil(share * all.length) - 1] ?? Number.NaN);
    console.log(`| ${of} | ${at(0.5)} | ${at(0.95)} | ${at(0.99)} | ${at(1)} |`);
  }
  const folder = join(import.meta.dirname, '../figures');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ name, repeat, loads, rounds }, null, 1));
}

/** Each measurement's values, ascending. */
function series(rounds: readonly Round[]): [string, number[]][] {
  return Object.keys(rounds[0] ?? {}).map((of) => [
    of,
    rounds.map((round) => round[of] ?? Number.NaN).sort((a, b) => a - b),
  ]);
}

/** Bounds a wait; what goes on after it ends with the stage. */
function within<T>(seconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} is not over after ${seconds} s`)), 1_000 * seconds);
  });
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
