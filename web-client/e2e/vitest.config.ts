import { defineConfig } from 'vitest/config';

// A run of its own, beside the unit tests: real browsers, a real server, one proof at a time, because
// two would share the cores that the sound and the pictures need.
export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ['harness/**/*.test.ts', 'proofs/**/*.test.ts'],
    fileParallelism: false,
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 90_000,
    bail: 0,
    reporters: ['verbose'],
  },
});
