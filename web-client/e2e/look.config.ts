import { defineConfig } from 'vitest/config';

// Not a test: pictures of the real product for people to look at.
export default defineConfig({
  root: import.meta.dirname,
  test: { include: ['look.ts'], maxWorkers: 1, testTimeout: 240_000 },
});
