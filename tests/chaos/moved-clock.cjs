'use strict';
// Preloaded into a server: its wall clock jumps by CLOCK_JUMP_MS at SIGUSR2, as when a wrong clock is corrected.
const RealDate = Date;
let jumpMs = 0;
const now = () => RealDate.now() + jumpMs;

process.on('SIGUSR2', () => (jumpMs = Number(process.env.CLOCK_JUMP_MS)));

globalThis.Date = new Proxy(RealDate, {
  construct: (target, values, newTarget) => Reflect.construct(target, values.length > 0 ? values : [now()], newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
