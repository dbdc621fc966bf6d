'use strict';
// Loaded before the server (`node -r`): kills the process at the point that is named in the file CRASH_ARMED, and says so in
// the file CRASH_FIRED first. It wraps the exports of the built modules from outside, so the product knows nothing of it.
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const { CRASH_ARMED, CRASH_FIRED, CRASH_ACCEPTED } = process.env;
const dist = path.resolve(__dirname, '../../dist');
const watchMs = 2;
const pollIsOutMs = 20;

const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
const sizeOf = (file) => (fs.existsSync(file) ? fs.statSync(file).size : 0);
const isArmed = (point) => read(CRASH_ARMED) === point;

function crash(point) {
  if (!isArmed(point)) return;
  fs.writeFileSync(CRASH_FIRED, point);
  process.kill(process.pid, 'SIGKILL');
}

function crashOnce(point, isReached) {
  if (!isArmed(point)) return;
  setInterval(() => isReached() && crash(point), watchMs);
}

const before = (point) => (original) =>
  function (...args) {
    crash(point);
    return original.apply(this, args);
  };

const after = (point) => (original) =>
  async function (...args) {
    const result = await original.apply(this, args);
    crash(point);
    return result;
  };

const both = (pointBefore, pointAfter) => (original) => before(pointBefore)(after(pointAfter)(original));

const storeStep = (original) => async (attempt, change) => {
  const state = change.job?.state;
  if (state === 'submitting') crash('before-sent-saved');
  const isStored = await original(attempt, change);
  if (state === 'submitting') crash('after-sent-before-request');
  if (state === 'downloading') crash('after-fetching-saved');
  return isStored;
};

const sendRequest = (original) => (request) => {
  const isCreate = request.method === 'POST' && /image.to.video/.test(request.url);
  const acceptedBefore = sizeOf(CRASH_ACCEPTED);
  if (isCreate) crashOnce('during-request', () => sizeOf(CRASH_ACCEPTED) > acceptedBefore);
  return original(request);
};

const download = (original) => (request) => {
  crashOnce('mid-download', () => sizeOf(request.file) > 0);
  return original(request);
};

const push = (original) => (filmId, message, except) => {
  if (message.type === 'video.status_update' && message.video.status === 'completed')
    crash('after-complete-before-push');
  return original(filmId, message, except);
};

const recordCharge = (original) => async (job, change) => {
  if (change.state) crash('before-charge');
  await original(job, change);
  if (change.state) crash('after-charge');
  if (change.state === 'charged') crash('after-charge-before-save');
};

const check = (original) => async (taskId, signal) => {
  if (isArmed('mid-poll')) setTimeout(crash, pollIsOutMs, 'mid-poll');
  const checked = await original(taskId, signal);
  crash('after-poll-before-save');
  return checked;
};

const wraps = {
  'costs/reserve.js': { reserve: after('after-reserve') },
  'costs/ledger.js': { recordCharge },
  'generation/clicks.js': { storeClaim: after('after-claim') },
  'generation/store.js': {
    storeStep,
    storeTaskId: after('after-save-before-poll'),
    stopPersisting: before('in-shutdown'),
  },
  'generation/journal.js': { journalTask: both('after-answer-before-journal', 'after-journal-before-save') },
  'media/videos.js': { fetchVideo: after('after-rename-before-save') },
  'utils/http.js': { sendRequest, download },
  'utils/push.js': { push },
  'db/edits.js': { applyEdit: after('after-update-before-ack') },
  'services/video-runway.js': { check },
  'services/video-pika.js': { check },
  'services/video-kling.js': { check },
};

const wrapped = new Set();

function wrap(file, exported) {
  if (wrapped.has(file)) return;
  wrapped.add(file);
  const name = path.relative(dist, file).split(path.sep).join('/');
  const target = name.startsWith('services/video-') ? exported.default : exported;
  for (const [key, make] of Object.entries(wraps[name] ?? {})) {
    // A function that was renamed would otherwise be a crash point that never comes.
    if (typeof target[key] !== 'function') throw new Error(`${name} has no function ${key} to crash in`);
    target[key] = make(target[key]);
  }
  if (name === 'db/workspace.js') exported.Workspace.bulkWrite = after('mid-reorder')(exported.Workspace.bulkWrite);
}

const load = Module._load;
Module._load = function (request, parent, isMain) {
  const exported = load.call(this, request, parent, isMain);
  const file = parent ? Module._resolveFilename(request, parent) : request;
  if (file.startsWith(dist + path.sep)) wrap(file, exported);
  return exported;
};
