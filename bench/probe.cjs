'use strict';
// Loaded before the program that is measured: answers for its memory and CPU, and ends it when the measuring process is gone.
process.on('message', (message) => {
  if (message !== 'usage') return;
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  global.gc();
  process.send({ usage: { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: process.memoryUsage().heapUsed } });
});
process.on('disconnect', () => process.exit());
