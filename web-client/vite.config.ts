import { defineConfig } from 'vite';

// The page asks for nothing but its own files: fonts and icons are bundled, nothing is inlined as a
// data URL, so that the server may send a strict Content-Security-Policy.
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2022', assetsInlineLimit: 0, sourcemap: false },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080', '/ws': { target: 'ws://127.0.0.1:8080', ws: true } },
  },
});
