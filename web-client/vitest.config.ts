import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // The longest test takes seconds, and more on a busy machine.
  test: { include: ['tests/**/*.test.{ts,tsx}'], testTimeout: 60_000 },
});
