import { defineConfig } from 'vite';

export default defineConfig(({ command }) => {
  // A build that is started by a test must not be another one than that of production.
  if (command === 'build') process.env.NODE_ENV = 'production';
  return {
    root: 'src/web',
    publicDir: false,
    build: {
      outDir: '../../dist/web',
      emptyOutDir: true,
      target: 'es2022',
      // Inlined assets would need `data:` in more places of the content security policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  };
});
